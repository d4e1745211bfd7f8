//! The seller opens an app in the shop's back office.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use serde::Deserialize;

use crate::call_log::noted;
use crate::{Dialect, Sandbox, Shop};

/// Which app it is, as a query: there is no back office to click in.
#[derive(Deserialize)]
pub(crate) struct LaunchTarget {
    app_url: String,
    client_id: Option<String>,
}

impl LaunchTarget {
    pub(crate) fn redirect(
        &self,
        sandbox: &Sandbox,
        dialect: Dialect,
        shop: &Shop,
    ) -> HttpResponse {
        match sandbox.launch(dialect, shop, self.client_id.as_deref(), &self.app_url) {
            Ok(location) => noted(
                HttpResponse::Found()
                    .insert_header((LOCATION, location))
                    .finish(),
                "launched",
            ),
            Err(error) => noted(
                HttpResponse::BadRequest().body(error.to_string()),
                "refused: launch",
            ),
        }
    }
}
