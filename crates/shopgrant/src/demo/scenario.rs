//! Everything that the automatic demo plays.

use domain::FailReason;

use crate::demo::channels::Verdict;
use crate::demo::key_scenario::{KeyPlatform, KeyScenario};
use crate::demo::report::{Heading, Report};
use crate::demo::stage::Stage;
use crate::demo::url_scenario::{UrlPlatform, UrlScenario};
use crate::output::OutputError;

pub(super) const UNINSTALLED: Verdict = Verdict::Failed(FailReason::AppUninstalled);
pub(super) const DENIED: Verdict = Verdict::Failed(FailReason::UserDenied);
pub(super) const MISMATCH: Verdict = Verdict::Failed(FailReason::SellerMismatch);
pub(super) const HELD: Verdict = Verdict::Failed(FailReason::SellerAlreadyAuthorized);
pub(super) const INSUFFICIENT: Verdict = Verdict::Failed(FailReason::ScopesInsufficient);
pub(super) const INVALID: Verdict = Verdict::Failed(FailReason::AuthInfoInvalid);

/// Plays every flow of every platform. Fails only when the report cannot be printed.
pub(super) async fn play(stage: &mut Stage, report: &mut Report) -> Result<(), OutputError> {
    for platform in [
        UrlPlatform::SHOPLINE,
        UrlPlatform::GENSTORE,
        UrlPlatform::CAFE24,
    ] {
        play_url(stage, report, platform).await?;
    }
    for platform in [UrlPlatform::SHOPLINE, UrlPlatform::GENSTORE] {
        play_initiated(stage, report, platform).await?;
    }
    play_both_sites(stage, report).await?;
    for platform in [KeyPlatform::SHOPIFY, KeyPlatform::WOOCOMMERCE] {
        play_key(stage, report, platform).await?;
    }
    Ok(())
}

async fn play_url(
    stage: &mut Stage,
    report: &mut Report,
    platform: UrlPlatform,
) -> Result<(), OutputError> {
    let heading = Heading {
        platform: platform.code,
        auth_type: "URL",
    };
    let mut scenario = UrlScenario::new(stage, platform);
    report.step(heading, "the seller approves", scenario.approve().await)?;
    report.step(heading, "the seller denies", scenario.deny().await)?;
    report.step(
        heading,
        "another shop consents",
        scenario.wrong_shop().await,
    )?;
    report.step(
        heading,
        "a scope is not granted",
        scenario.fewer_scopes().await,
    )?;
    report.step(
        heading,
        "the link is superseded",
        scenario.supersede().await,
    )?;
    report.step(
        heading,
        "the callback comes again",
        scenario.repeat_callback().await,
    )?;
    report.step(
        heading,
        "the store is authorized already",
        scenario.authorize_again().await,
    )?;
    report.step(
        heading,
        "a second store with the same shop",
        scenario.second_store().await,
    )?;
    report.step(
        heading,
        "the same shop at another's store",
        scenario.another_s_store().await,
    )
}

/// What the platform begins: the later step is about the store that the first one authorizes.
async fn play_initiated(
    stage: &mut Stage,
    report: &mut Report,
    platform: UrlPlatform,
) -> Result<(), OutputError> {
    let heading = Heading {
        platform: platform.code,
        auth_type: "URL",
    };
    let mut scenario = UrlScenario::new(stage, platform);
    let (launch, uninstall) = match scenario.launch().await {
        Ok((seen, launched)) => (Ok(seen), scenario.uninstall(launched).await),
        Err(error) => {
            let nothing = "no store was authorized before".to_owned();
            (Err(error), Err(nothing.into()))
        }
    };
    report.step(heading, "the app is opened on the platform", launch)?;
    report.step(heading, "the app is removed there", uninstall)
}

/// SHOPLINE's two sites speak alike, and one shop is one shop on both.
async fn play_both_sites(stage: &mut Stage, report: &mut Report) -> Result<(), OutputError> {
    let heading = Heading {
        platform: UrlPlatform::SHOPLINE_EU.code,
        auth_type: "URL",
    };
    let mut scenario = UrlScenario::new(stage, UrlPlatform::SHOPLINE_EU);
    report.step(heading, "the seller approves", scenario.approve().await)?;
    scenario.turn_to(UrlPlatform::SHOPLINE);
    report.step(
        heading,
        "the same shop on the other site",
        scenario.second_store().await,
    )
}

async fn play_key(
    stage: &mut Stage,
    report: &mut Report,
    platform: KeyPlatform,
) -> Result<(), OutputError> {
    let heading = Heading {
        platform: platform.code,
        auth_type: "KEY",
    };
    let mut scenario = KeyScenario::new(stage, platform);
    report.step(heading, "the key is right", scenario.right_key().await)?;
    report.step(heading, "the key is wrong", scenario.wrong_key().await)?;
    report.step(heading, "the key may not read", scenario.weak_key().await)?;
    if platform.names_its_shop {
        report.step(
            heading,
            "the key is another shop's",
            scenario.wrong_shop().await,
        )?;
    }
    report.step(
        heading,
        "the platform is down, then up",
        scenario.down_then_up().await,
    )?;
    report.step(
        heading,
        "the store is authorized already",
        scenario.authorize_again().await,
    )?;
    report.step(
        heading,
        "a second store with the same key",
        scenario.second_store().await,
    )?;
    report.step(
        heading,
        "the same key at another's store",
        scenario.another_s_store().await,
    )
}
