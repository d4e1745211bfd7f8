//! Every path of the OpenAPI document, in one list that is read twice: by the server, and by the document.
//!
//! The wrappers of `utoipa_actix_web` could do both at once. But each thread of a server makes its own
//! routes, so each would describe them all for nobody, in memory that the thread never gives back.

use actix_web::web;
use utoipa_actix_web::scope::scope;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::handlers::{
    callback, client, credential, event, health, hosted_key, hosted_link, key_push, launch,
    operator_scopes, platform, platform_event, session, store, token, webhook,
};

/// What a process of any role answers.
macro_rules! machine_routes {
    ($config:expr) => {
        $config
            .service(health::healthz)
            .service(health::readyz)
            .service(health::metrics)
    };
}

macro_rules! routes {
    ($config:expr, $scope:expr) => {
        machine_routes!($config)
            .service(hosted_link::opened)
            .service(hosted_link::followed)
            .service(hosted_link::declined)
            .service(hosted_key::handed_in)
            // PingPong's own paths, so that an existing client only changes its host and its signing.
            // They stand before the shorter prefix, which would take them.
            .service(
                $scope("/v1/mid-open-api/merchant")
                    .service(store::create)
                    .service(store::update)
                    .service(store::auth)
                    .service(store::query)
                    .service(store::unbind),
            )
            .service(
                $scope("/v1")
                    .service(token::get)
                    .service(client::register)
                    .service(store::create)
                    .service(store::update)
                    .service(store::auth)
                    .service(store::query)
                    .service(store::list)
                    .service(store::unbind)
                    .service(session::start)
                    .service(store::scopes)
                    .service(credential::get)
                    .service(platform::list)
                    .service(event::list)
                    .service(webhook::create)
                    .service(webhook::list)
                    .service(webhook::delete)
                    .service(webhook::test)
                    .service(callback::of_shared_app)
                    .service(callback::of_own_app)
                    .service(launch::of_shared_app)
                    .service(launch::of_own_app)
                    .service(launch::confirm)
                    .service(launch::confirmed)
                    .service(key_push::sent)
                    .service(key_push::returned)
                    .service(platform_event::of_shared_app)
                    .service(platform_event::of_own_app)
                    .service(operator_scopes::of_shared_app)
                    .service(operator_scopes::of_own_app),
            )
    };
}

/// Serves everything that the document describes.
pub(super) fn serve(config: &mut web::ServiceConfig) {
    routes!(config, web::scope);
}

/// Serves what a process of workers answers.
pub(super) fn serve_machines(config: &mut web::ServiceConfig) {
    machine_routes!(config);
}

/// Describes what [`serve`] serves.
pub(crate) fn describe(config: &mut ServiceConfig<'_>) {
    routes!(config, scope);
}
