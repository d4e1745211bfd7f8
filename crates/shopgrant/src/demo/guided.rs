//! The demo in which a person plays the seller, in a browser.

use std::env;
use std::fs;

use domain::Links;
use secrecy::ExposeSecret;
use url::{Url, form_urlencoded};

use crate::command::Failure;
use crate::demo::channels::Snapshot;
use crate::demo::institution::{AuthRequest, Store};
use crate::demo::mailbox::StoreEvent;
use crate::demo::report::StepError;
use crate::demo::stage::Stage;
use crate::output::{self, OutputError};

/// Asks for an authorization and shows what comes of it; goes on until it is dropped.
pub(super) async fn play(stage: &mut Stage) -> Result<(), Failure> {
    let shop = stage.names.shop();
    let store = ask(stage, &shop).await?;
    let mut is_first = true;
    loop {
        tokio::select! {
            Some(event) = stage.ours.next_event() => {
                let event = event?;
                show_event(&event)?;
                show_query(stage.ours.look_at(&event.data.snapshot.told.store_id).await)?;
                if is_first {
                    is_first = false;
                    suggest(stage, &store, &shop)?;
                }
            }
            Some(query) = stage.returning.recv() => show_return(&query)?,
            else => return Ok(()),
        }
    }
}

async fn ask(stage: &mut Stage, shop: &str) -> Result<Store, Failure> {
    stage.set_links(Links::Hosted).await?;
    let ours = &stage.ours;
    let broker = base(&stage.broker_url);
    output::line(format_args!(
        "An institution integrates with the broker at {broker}; its documentation is at {broker}/docs.\n"
    ))?;
    output::line(format_args!("institution  {}", ours.app_id))?;
    output::line(format_args!("client       {}", ours.client_id))?;
    let store_url = format!("https://{shop}.myshopline.com");
    let store = ours.create_store("SHOPLINE", &store_url).await?;
    output::line(format_args!(
        "store        {} on {}, shop {shop}",
        store.id, store.platform
    ))?;
    let request = AuthRequest::Url {
        seller_id: shop,
        redirect_url: &stage.redirect_url,
    };
    let auth_url = ours.authorize(&store, request).await?.link()?;
    output::line(format_args!(
        "\nNow you are the seller. Open this link in a browser, continue or decline on the page that says who\n\
         asks, and approve or deny on the platform's:\n\n  {auth_url}\n\n\
         Waiting for you; Ctrl-C ends the demo.\n"
    ))?;
    Ok(store)
}

fn show_event(event: &StoreEvent) -> Result<(), OutputError> {
    let StoreEvent { event_type, data } = event;
    output::line(format_args!(
        "webhook    {event_type}, signature verified  {}  sequence {}",
        data.snapshot.told.outcome(),
        data.snapshot.sequence
    ))
}

/// A store that was given up is unknown to every later query, which is an answer like any other.
fn show_query(queried: Result<Snapshot, StepError>) -> Result<(), Failure> {
    match queried {
        Ok(snapshot) => output::line(format_args!(
            "query      {}  sequence {}",
            snapshot.told.outcome(),
            snapshot.sequence
        ))?,
        Err(StepError::Refused { code, message, .. }) => {
            output::line(format_args!("query      {code} {message}"))?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn show_return(query: &str) -> Result<(), OutputError> {
    let parameters: Vec<String> = form_urlencoded::parse(query.as_bytes())
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    output::line(format_args!(
        "redirect   the browser came back with {}",
        parameters.join(" ")
    ))
}

/// Commands that work as they stand, as long as the demo runs.
fn suggest(stage: &Stage, store: &Store, shop: &str) -> Result<(), Failure> {
    let secret_file = stage.directory.path().join("app.secret");
    fs::write(&secret_file, stage.ours.app_secret.expose_secret())?;
    let program = env::args().next().unwrap_or_else(|| "shopgrant".to_owned());
    let access = format!(
        "--url {} --app-id {} --secret-file {}",
        base(&stage.broker_url),
        stage.ours.app_id,
        secret_file.display()
    );
    let ids = format!(
        "\"client_id\":\"{}\",\"store_id\":\"{}\"",
        stage.ours.client_id, store.id
    );
    let (platforms_at, redirect_url) = (stage.platforms_at, &stage.redirect_url);
    output::line(format_args!(
        "
What to try next, in another terminal:

Ask the broker for the store, and read the event feed.
  {program} call store/query '{{{ids}}}' {access}
  {program} call event/list {access}

Ask for the authorization again if it failed, and open the new link as before.
  {program} call store/auth '{{{ids},\"seller_id\":\"{shop}\",\"auth_type\":\"URL\",\"redirect_url\":\"{redirect_url}\"}}' {access}

Let another shop consent at the next link.
  curl http://{platforms_at}/control -H 'content-type: application/json' -d '{{\"action\":\"script\",\"dialect\":\"shopline\",\"step\":\"consent\",\"fault\":{{\"wrong_shop\":\"another-shop\"}}}}'

Give the store up for good.
  {program} call store/unbind '{{{ids}}}' {access}

See the flows of every platform.
  {program} demo --auto
"
    ))?;
    Ok(())
}

/// A URL as people write it, to put a path behind.
fn base(url: &Url) -> &str {
    url.as_str().trim_end_matches('/')
}
