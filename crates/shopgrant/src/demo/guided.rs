//! The demo in which a person plays the seller, in a browser.

use std::fs;

use secrecy::ExposeSecret;
use url::form_urlencoded;

use crate::command::Failure;
use crate::demo::institution::{AuthRequest, Store};
use crate::demo::mailbox::StoreEvent;
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
                show_event(&event?)?;
                let snapshot = stage.ours.look_at(&store).await?;
                let told = &snapshot.told;
                output::line(format_args!(
                    "query      {} {}  sequence {}",
                    told.auth_status, told.auth_fail_reason, snapshot.sequence
                ))?;
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
    let ours = &stage.ours;
    output::line(format_args!(
        "An institution integrates with the broker at {}.\n",
        stage.broker_url
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
        "\nNow you are the seller. Open this link in a browser, and approve or deny:\n\n  {auth_url}\n\n\
         Waiting for you; Ctrl-C ends the demo.\n"
    ))?;
    Ok(store)
}

fn show_event(event: &StoreEvent) -> Result<(), OutputError> {
    let StoreEvent { event_type, data } = event;
    output::line(format_args!(
        "webhook    {event_type}, signature verified  {} {}  sequence {}",
        data.told.auth_status, data.told.auth_fail_reason, data.sequence
    ))
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
    let access = format!(
        "--url {} --app-id {} --secret-file {}",
        stage.broker_url,
        stage.ours.app_id,
        secret_file.display()
    );
    let (client_id, store_id) = (&stage.ours.client_id, &store.id);
    let control = format!(
        "curl http://{}/control -H 'content-type: application/json'",
        stage.platforms_at
    );
    let redirect_url = &stage.redirect_url;
    output::line(format_args!(
        "
What to try next, in another terminal:

Ask the broker again; a store that was denied can be authorized anew.
  shopgrant call store/query '{{\"client_id\":\"{client_id}\",\"store_id\":\"{store_id}\"}}' {access}
  shopgrant call store/auth '{{\"client_id\":\"{client_id}\",\"store_id\":\"{store_id}\",\"seller_id\":\"{shop}\",\"auth_type\":\"URL\",\"redirect_url\":\"{redirect_url}\"}}' {access}

Read the event feed, and what each platform takes.
  shopgrant call event/list {access}
  shopgrant call platform/list {access}

Let the platform fail at the next consent, and authorize another store.
  {control} -d '{{\"action\":\"script\",\"dialect\":\"shopline\",\"step\":\"consent\",\"fault\":{{\"wrong_shop\":\"another-shop\"}}}}'

See every flow of every platform: shopgrant demo --auto
"
    ))?;
    Ok(())
}
