//! Everything that the automatic demo plays.

use domain::FailReason;

use crate::demo::channels::Verdict;
use crate::demo::hosted_scenario::HostedScenario;
use crate::demo::key_scenario::{KeyPlatform, KeyScenario};
use crate::demo::report::Report;
use crate::demo::stage::Stage;
use crate::demo::url_scenario::{UrlPlatform, UrlScenario};
use crate::output::OutputError;

pub(super) const UNINSTALLED: Verdict = Verdict::Failed(FailReason::AppUninstalled);
pub(super) const EXPIRED: Verdict = Verdict::Failed(FailReason::AuthExpired);
pub(super) const REVOKED: Verdict = Verdict::Failed(FailReason::AuthRevoked);
pub(super) const DENIED: Verdict = Verdict::Failed(FailReason::UserDenied);
pub(super) const MISMATCH: Verdict = Verdict::Failed(FailReason::SellerMismatch);
pub(super) const HELD: Verdict = Verdict::Failed(FailReason::SellerAlreadyAuthorized);
pub(super) const INSUFFICIENT: Verdict = Verdict::Failed(FailReason::ScopesInsufficient);
pub(super) const INVALID: Verdict = Verdict::Failed(FailReason::AuthInfoInvalid);

/// Plays the flows of every platform. Fails only when the report cannot be printed.
pub(super) async fn play(stage: &mut Stage, report: &mut Report) -> Result<(), OutputError> {
    for platform in [
        UrlPlatform::SHOPLINE,
        UrlPlatform::GENSTORE,
        UrlPlatform::CAFE24,
    ] {
        play_url(stage, report, platform).await?;
    }
    for platform in [
        UrlPlatform::SHOPLINE,
        UrlPlatform::GENSTORE,
        UrlPlatform::CAFE24,
    ] {
        play_initiated(stage, report, platform).await?;
    }
    play_by_our_page(stage, report).await?;
    play_embedded(stage, report).await?;
    play_mall(stage, report).await?;
    play_upkeep(stage, report).await?;
    play_hosted(stage, report).await?;
    play_both_sites(stage, report).await?;
    for platform in [KeyPlatform::SHOPIFY, KeyPlatform::WOOCOMMERCE] {
        play_key(stage, report, platform).await?;
    }
    // Last, because the clock does not go back.
    for platform in [UrlPlatform::SHOPLINE, UrlPlatform::CAFE24] {
        play_week(stage, report, platform).await?;
    }
    let mut section = report.section(HostedScenario::CODE, "URL");
    let week = HostedScenario::new(stage).week().await;
    section.step("a week goes by", week)
}

/// A grant is kept alive for a week, and then taken back on the platform.
async fn play_week(
    stage: &mut Stage,
    report: &mut Report,
    platform: UrlPlatform,
) -> Result<(), OutputError> {
    let mut section = report.section(platform.code, "URL");
    let mut scenario = UrlScenario::new(stage, platform);
    let approved = scenario.approve().await;
    section.step("a grant that lives on is made", approved)?;
    section.step("a week goes by", scenario.week().await)?;
    section.step("the seller takes it back there", scenario.revoke().await)
}

async fn play_url(
    stage: &mut Stage,
    report: &mut Report,
    platform: UrlPlatform,
) -> Result<(), OutputError> {
    let mut section = report.section(platform.code, "URL");
    let mut scenario = UrlScenario::new(stage, platform);
    section.step("the seller approves", scenario.approve().await)?;
    section.step("the seller denies", scenario.deny().await)?;
    section.step("another shop consents", scenario.wrong_shop().await)?;
    section.step("a scope is not granted", scenario.fewer_scopes().await)?;
    section.step("the link is superseded", scenario.supersede().await)?;
    section.step("the callback comes again", scenario.repeat_callback().await)?;
    section.step(
        "the store is authorized already",
        scenario.authorize_again().await,
    )?;
    section.step("its access token is fetched", scenario.credential().await)?;
    section.step(
        "a second store with the same shop",
        scenario.second_store().await,
    )?;
    section.step(
        "the same shop at another's store",
        scenario.another_s_store().await,
    )
}

/// Where the institution's links lead to our own page, which is how the guided demo begins.
async fn play_by_our_page(stage: &mut Stage, report: &mut Report) -> Result<(), OutputError> {
    let mut section = report.section(UrlPlatform::SHOPLINE.code, "URL");
    let mut scenario = UrlScenario::new(stage, UrlPlatform::SHOPLINE);
    let followed = scenario.by_our_page().await;
    section.step("a hosted link is followed", followed)?;
    let forwarded = scenario.forwarded().await;
    section.step("its address is sent to another", forwarded)?;
    let declined = scenario.declined_on_our_page().await;
    section.step("a hosted link is declined", declined)
}

/// What the platform begins: the later step is about the store that the first one authorizes.
async fn play_initiated(
    stage: &mut Stage,
    report: &mut Report,
    platform: UrlPlatform,
) -> Result<(), OutputError> {
    let mut section = report.section(platform.code, "URL");
    let mut scenario = UrlScenario::new(stage, platform);
    let (launch, uninstall) = match scenario.launch().await {
        Ok((seen, launched)) => (Ok(seen), scenario.uninstall(launched).await),
        Err(error) => {
            let nothing = "no store was authorized before".to_owned();
            (Err(error), Err(nothing.into()))
        }
    };
    section.step("the app is opened on the platform", launch)?;
    section.step("the app is removed there", uninstall)
}

/// Sessions and codes of an app inside of the platform's pages: the second step is about the store that the
/// first one authorizes.
async fn play_embedded(stage: &mut Stage, report: &mut Report) -> Result<(), OutputError> {
    let mut section = report.section(UrlPlatform::GENSTORE.code, "URL");
    let mut scenario = UrlScenario::new(stage, UrlPlatform::GENSTORE);
    let (offline, online) = match scenario.offline_session().await {
        Ok((seen, embedded)) => (Ok(seen), scenario.online_session(&embedded).await),
        Err(error) => {
            let nothing = "no session was begun before".to_owned();
            (Err(error), Err(nothing.into()))
        }
    };
    section.step("a session authorizes the store", offline)?;
    section.step("a session's user gets a token", online)?;
    section.step(
        "a code is pushed and confirmed",
        scenario.pushed_code().await,
    )
}

/// A grant loses a scope and gets it back; in the end it is given up.
async fn play_upkeep(stage: &mut Stage, report: &mut Report) -> Result<(), OutputError> {
    let mut section = report.section(UrlPlatform::GENSTORE.code, "URL");
    let mut scenario = UrlScenario::new(stage, UrlPlatform::GENSTORE);
    let approved = scenario.approve().await;
    section.step("a grant with all scopes is made", approved)?;
    section.step("a scope is taken away", scenario.narrow().await)?;
    section.step("the ready link is followed", scenario.mend().await)?;
    let uninstalled = scenario.unbind("uninstalled").await;
    section.step("the store is unbound", uninstalled)?;
    let mut section = report.section(UrlPlatform::CAFE24.code, "URL");
    let mut scenario = UrlScenario::new(stage, UrlPlatform::CAFE24);
    let approved = scenario.approve().await;
    section.step("a grant to be given up is made", approved)?;
    let revoked = scenario.unbind("token revoked").await;
    section.step("the store is unbound", revoked)
}

/// Of the people of a mall only the chief may connect it; that is who opened the app before. A mall has the app
/// for a time.
async fn play_mall(stage: &mut Stage, report: &mut Report) -> Result<(), OutputError> {
    let mut section = report.section(UrlPlatform::CAFE24.code, "URL");
    let mut scenario = UrlScenario::new(stage, UrlPlatform::CAFE24);
    for (title, user_type) in [
        ("a sub-operator opens the app", "A"),
        ("a supplier opens the app", "S"),
    ] {
        section.step(title, scenario.not_the_chief(user_type).await)?;
    }
    let approved = scenario.approve().await;
    section.step("a grant for a time is made", approved)?;
    section.step("the mall's time is over", scenario.expired().await)
}

/// By a link to a page of ours, which says who asks for what before the platform does.
async fn play_hosted(stage: &mut Stage, report: &mut Report) -> Result<(), OutputError> {
    let mut section = report.section(HostedScenario::CODE, "URL");
    let mut scenario = HostedScenario::new(stage);
    for (title, choice) in [
        ("every resource is granted", "all"),
        ("some resources are granted", "list"),
        ("no resource is granted", "none"),
    ] {
        section.step(title, scenario.granted(choice).await)?;
    }
    section.step("no state comes back", scenario.without_state().await)?;
    section.step("another browser finishes", scenario.forwarded().await)?;
    section.step(
        "another merchant consents",
        scenario.another_merchant().await,
    )?;
    section.step("the seller declines on the page", scenario.declined().await)
}

/// SHOPLINE's two sites speak alike, and one shop is one shop on both.
async fn play_both_sites(stage: &mut Stage, report: &mut Report) -> Result<(), OutputError> {
    let mut section = report.section(UrlPlatform::SHOPLINE_EU.code, "URL");
    let mut scenario = UrlScenario::new(stage, UrlPlatform::SHOPLINE_EU);
    section.step("the seller approves", scenario.approve().await)?;
    scenario.turn_to(UrlPlatform::SHOPLINE);
    section.step(
        "the same shop on the other site",
        scenario.second_store().await,
    )
}

async fn play_key(
    stage: &mut Stage,
    report: &mut Report,
    platform: KeyPlatform,
) -> Result<(), OutputError> {
    let mut section = report.section(platform.code, "KEY");
    let mut scenario = KeyScenario::new(stage, platform);
    section.step("the key is right", scenario.right_key().await)?;
    section.step("the key is wrong", scenario.wrong_key().await)?;
    section.step("the key may not read", scenario.weak_key().await)?;
    section.step("the seller pastes the key", scenario.pasted().await)?;
    if platform.names_its_shop {
        section.step("the key is another shop's", scenario.wrong_shop().await)?;
    } else {
        section.step("the shop pushes the key", scenario.pushed().await)?;
    }
    section.step(
        "the platform is down, then up",
        scenario.down_then_up().await,
    )?;
    section.step(
        "the store is authorized already",
        scenario.authorize_again().await,
    )?;
    section.step(
        "a second store with the same key",
        scenario.second_store().await,
    )?;
    section.step(
        "the same key at another's store",
        scenario.another_s_store().await,
    )
}
