//! `/v1/auth/{platform}/…/events`, where a platform tells what happened there.

use actix_web::{HttpResponse, post, web};
use broker::{EventRefused, ReceivedEvent};
use domain::{Platform, PlatformAppId};

use crate::convert::system_error;
use crate::extract::{Gateway, Told};

/// A platform tells what happened there
///
/// For platforms alone, which sign the body by the app's secret. An event is recorded and answered at once,
/// and handled afterwards.
#[utoipa::path(
    tag = "platform event",
    operation_id = "platform_event",
    params(("platform" = String, Path, description = "A platform's code in lower case", example = "shopline")),
    responses(
        (status = 200, description = "Recorded, now or before"),
        (status = 401, description = "Not signed by the platform"),
    ),
)]
#[post("/auth/{platform}/events")]
pub(crate) async fn of_shared_app(
    gateway: web::Data<Gateway>,
    platform: web::Path<String>,
    told: Told,
) -> HttpResponse {
    let Some(platform) = Platform::from_path_segment(&platform) else {
        return HttpResponse::Unauthorized().finish();
    };
    receive(&gateway, platform, None, &told).await
}

/// A platform tells what happened there, to an institution's own app
#[utoipa::path(
    tag = "platform event",
    operation_id = "platform_event_of_own_app",
    params(
        ("platform" = String, Path, description = "A platform's code in lower case", example = "shopline"),
        ("platform_app" = String, Path, description = "The app's id", example = "papp_0192f0c1000070008000000000000005"),
    ),
    responses(
        (status = 200, description = "Recorded, now or before"),
        (status = 401, description = "Not signed by the platform"),
    ),
)]
#[post("/auth/{platform}/{platform_app}/events")]
pub(crate) async fn of_own_app(
    gateway: web::Data<Gateway>,
    path: web::Path<(String, String)>,
    told: Told,
) -> HttpResponse {
    let (platform, app) = path.into_inner();
    let (Some(platform), Ok(app)) = (Platform::from_path_segment(&platform), app.parse()) else {
        return HttpResponse::Unauthorized().finish();
    };
    receive(&gateway, platform, Some(app), &told).await
}

async fn receive(
    gateway: &Gateway,
    platform: Platform,
    app: Option<PlatformAppId>,
    told: &Told,
) -> HttpResponse {
    let event = ReceivedEvent {
        platform,
        app,
        headers: &told.headers,
        body: &told.body,
    };
    match gateway.broker().receive_platform_event(event).await {
        Ok(()) => HttpResponse::Ok().finish(),
        Err(EventRefused::NotVerified) => HttpResponse::Unauthorized().finish(),
        // The platform sends it again.
        Err(EventRefused::Internal(internal)) => {
            system_error(&internal);
            HttpResponse::InternalServerError().finish()
        }
    }
}
