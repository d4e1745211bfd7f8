//! `/assets/`, what pages are shown with.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use actix_web::{HttpResponse, get, web};

use crate::api_error::ApiError;
use crate::code::Code;
use crate::page::{SHEET, SHEET_NAME};

/// The sheet never changes under its name, so that a browser asks for it once.
#[get("/assets/{file}")]
pub(crate) async fn sheet(file: web::Path<String>) -> Result<HttpResponse, ApiError> {
    if *file != *SHEET_NAME {
        return Err(ApiError::new(Code::NotFound));
    }
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/css; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(SHEET))
}
