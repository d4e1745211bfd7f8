use std::collections::HashSet;

use lapin::{Confirmation, message::BasicReturnMessage};

use crate::{Message, PublishError};

/// What has come back for one message.
pub(super) enum Answer {
    /// The broker has dealt with it. `returned` is the id of a message that it sent back as
    /// unroutable, not necessarily this one.
    Ack {
        returned: Option<String>,
    },
    Nack {
        returned: Option<String>,
    },
    /// It does not fit into the protocol.
    NotSent,
    None(PublishError),
}

impl Answer {
    pub(super) fn is_final(&self) -> bool {
        match self {
            Answer::Ack { .. } | Answer::Nack { .. } | Answer::NotSent => true,
            Answer::None(_) => false,
        }
    }

    /// Whether the broker said it.
    pub(super) fn is_heard(&self) -> bool {
        match self {
            Answer::Ack { .. } | Answer::Nack { .. } => true,
            Answer::NotSent | Answer::None(_) => false,
        }
    }

    pub(super) fn returned(&self) -> Option<&str> {
        match self {
            Answer::Ack { returned } | Answer::Nack { returned } => returned.as_deref(),
            Answer::NotSent | Answer::None(_) => None,
        }
    }
}

impl From<Confirmation> for Answer {
    fn from(confirmation: Confirmation) -> Answer {
        match confirmation {
            Confirmation::Ack(returned) => Answer::Ack {
                returned: returned.as_ref().map(id_of),
            },
            Confirmation::Nack(returned) => Answer::Nack {
                returned: returned.as_ref().map(id_of),
            },
            // Only a channel without confirms says this, and ours has them.
            Confirmation::NotRequested => Answer::None(PublishError::TimedOut),
        }
    }
}

fn id_of(returned: &BasicReturnMessage) -> String {
    match returned.delivery.properties.message_id() {
        Some(id) => id.to_string(),
        None => String::new(),
    }
}

/// One result per message.
///
/// lapin hands a returned message to whichever confirm comes next, and the broker confirms many at
/// a time and in any order, so the return of one message can hang on the `Ack` of another. Taken
/// literally that would report the unroutable message as accepted, and it would be lost. What is
/// certain is this: once every answer has been read, every return has been too, and each carries
/// the id of its message. If answers are missing, a return may be missing with them, so then no
/// `Ack` of the slice counts; if there was no return at all, none was waiting either.
pub(super) fn settle(messages: &[Message], answers: &[Answer]) -> Vec<Result<(), PublishError>> {
    let returned: HashSet<&str> = answers.iter().filter_map(Answer::returned).collect();
    let is_complete = answers.iter().all(Answer::is_final);
    let trust_acks = returned.is_empty() || is_complete;
    messages
        .iter()
        .zip(answers)
        .map(|(message, answer)| match answer {
            Answer::Ack { .. } if returned.contains(message.id.as_str()) || !trust_acks => {
                Err(PublishError::Unroutable)
            }
            Answer::Ack { .. } => Ok(()),
            Answer::Nack { .. } | Answer::NotSent => Err(PublishError::Refused),
            Answer::None(error) => Err(error.clone()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(ids: &[&str]) -> Vec<Message> {
        ids.iter()
            .map(|id| Message {
                id: (*id).to_owned(),
                routing_key: "app.store.auth.succeeded".to_owned(),
                platform: None,
                store_id: None,
                body: bytes::Bytes::from_static(b"{}"),
            })
            .collect()
    }

    fn ack(returned: Option<&str>) -> Answer {
        Answer::Ack {
            returned: returned.map(str::to_owned),
        }
    }

    fn check(ids: &[&str], answers: &[Answer], expected: &[&str]) {
        let results: Vec<String> = settle(&messages(ids), answers)
            .into_iter()
            .map(|result| match result {
                Ok(()) => "ok".to_owned(),
                Err(error) => format!("{error:?}"),
            })
            .collect();
        assert_eq!(results, expected);
    }

    #[test]
    fn a_return_belongs_to_the_message_whose_id_it_carries() {
        check(
            &["a", "b", "c"],
            &[ack(Some("c")), ack(None), ack(None)],
            &["ok", "ok", "Unroutable"],
        );
    }

    #[test]
    fn a_nack_is_a_refusal_and_may_carry_the_return_of_another() {
        let nack = Answer::Nack {
            returned: Some("b".to_owned()),
        };
        check(&["a", "b"], &[nack, ack(None)], &["Refused", "Unroutable"]);
    }

    #[test]
    fn no_ack_counts_when_something_was_returned_and_answers_are_missing() {
        check(
            &["a", "b", "c"],
            &[
                ack(Some("c")),
                ack(None),
                Answer::None(PublishError::TimedOut),
            ],
            &["Unroutable", "Unroutable", "TimedOut"],
        );
    }

    #[test]
    fn acks_count_when_answers_are_missing_and_nothing_was_returned() {
        check(
            &["a", "b", "c"],
            &[
                ack(None),
                Answer::None(PublishError::TimedOut),
                Answer::NotSent,
            ],
            &["ok", "TimedOut", "Refused"],
        );
    }
}
