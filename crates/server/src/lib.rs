//! The HTTP side: the institution API, its signatures, callbacks and pages.

pub mod api_error;
mod app;
pub mod body;
pub mod code;
mod convert;
mod extract;
mod handlers;
mod openapi;
pub mod page;
pub mod rate;
pub mod request_id;
mod schema;
pub mod signature;

pub use app::{Rate, RateOptions, ServerOptions, start};
pub use openapi::openapi;
