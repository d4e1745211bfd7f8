//! The OpenAPI document, for programs and for people.

use std::sync::{Arc, OnceLock};

use actix_web::http::header::{
    CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ContentEncoding, ContentType,
    LOCATION, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpResponse, get, web};
use bytes::Bytes;
use utoipa_swagger_ui::{Config, serve};

use crate::api_error::ApiError;
use crate::code::Code;
use crate::convert::system_error;
use crate::openapi::openapi;

/// Swagger UI sets styles on its elements and draws its icons from data URLs; nothing comes from elsewhere.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The document as it is sent. It is made for whoever asks first: that takes milliseconds, and some megabytes
/// that a process which nobody asks does without.
pub(crate) struct Document {
    json: OnceLock<Bytes>,
    swagger: Arc<Config<'static>>,
}

impl Document {
    pub(crate) fn new() -> Self {
        // Seen from `/docs/`, so that it is found below a path of the public URL as well.
        let swagger = Arc::new(Config::from("../openapi.json"));
        Self {
            json: OnceLock::new(),
            swagger,
        }
    }

    fn json(&self) -> Result<Bytes, serde_json::Error> {
        if let Some(json) = self.json.get() {
            return Ok(json.clone());
        }
        let json = Bytes::from(openapi().to_json()?);
        Ok(self.json.get_or_init(|| json).clone())
    }
}

#[get("/openapi.json")]
pub(crate) async fn openapi_json(document: web::Data<Document>) -> Result<HttpResponse, ApiError> {
    let json = document.json().map_err(|error| system_error(&error))?;
    Ok(HttpResponse::Ok()
        .content_type(ContentType::json())
        .body(json))
}

/// The page's own addresses are relative, so the slash matters to the browser.
#[get("/docs")]
pub(crate) async fn without_slash() -> HttpResponse {
    HttpResponse::PermanentRedirect()
        .insert_header((LOCATION, "docs/"))
        .finish()
}

#[get("/docs/{file:.*}")]
pub(crate) async fn swagger_ui(
    document: web::Data<Document>,
    file: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let found =
        serve(&file, Arc::clone(&document.swagger)).map_err(|error| system_error(&*error))?;
    let Some(file) = found else {
        return Err(ApiError::new(Code::NotFound));
    };
    let mut response = HttpResponse::Ok();
    if file.gzpipped {
        response.insert_header((CONTENT_ENCODING, ContentEncoding::Gzip));
    }
    Ok(response
        .insert_header((CONTENT_TYPE, file.content_type))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(file.bytes.into_owned()))
}
