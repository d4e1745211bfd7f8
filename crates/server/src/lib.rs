//! The HTTP side: the institution API, its signatures, callbacks and pages.

mod api_error;
mod app;
mod body;
pub mod code;
mod convert;
mod extract;
mod handlers;
mod language;
mod machine;
mod measure;
mod openapi;
mod page;
mod rate;
mod request_id;
mod schema;
mod signature;

pub use app::{Rate, RateOptions, ServerOptions, start, start_for_machines};
pub use machine::Duties;
pub use openapi::openapi;
