//! The pages that a seller's browser ends on.
//!
//! A page is a function that takes a [`Frame`] and what is to be shown, and returns the answer. Handlers get
//! the frame from [`crate::extract::Visitor`], which is where the language is chosen, and add what they know:
//! whose brand it is, and the reference. To add a page:
//!
//! 1. List what it says in [`crate::language::Message`] and write that into all catalogues in `locales/`.
//! 2. Say it by `frame.say(Message::…, [("variable", Slot::…)])`. What came from outside goes in as
//!    [`Slot::Name`](crate::language::Slot::Name) and never as text of a message, so that it is cleaned, escaped
//!    and set apart. Elements stand in the page, and no HTML in a catalogue.
//! 3. End in `frame.respond(status, title, &content)`, or in `frame.respond_with_form` if there is a form.

mod frame;
mod hosted_link;
mod key_form;
mod launch;
pub(crate) mod name;
mod outcome;
mod scopes;
mod style;
mod trouble;

pub(crate) use frame::{Brand, Frame, Logo};
pub(crate) use hosted_link::{HostedLink, hosted_link, link_over};
pub(crate) use key_form::{AskedText, KeyAsked, KeyForm, key_form, key_in_hand};
pub(crate) use launch::{
    Offer, Operator, Visitor, connected, launch_over, not_theirs, nothing_waits, offer,
};
pub(crate) use outcome::{Outcome, Verdict, result};
pub(crate) use style::{SHEET, SHEET_NAME};
pub(crate) use trouble::{busy, failed, other_browser, several_links, too_late, unknown_link};

#[cfg(test)]
mod tests;
