use std::{collections::HashSet, sync::Arc, time::Duration};

use lapin::{
    Confirmation, PublisherConfirm,
    message::BasicReturnMessage,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::ShortString,
};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout_at},
};

use super::{
    backoff::Backoff,
    connection::{Broker, BrokerError, Failure, Link},
    wire,
};
use crate::{Message, PublishError};

/// Publishes with confirms, one slice of messages after the other.
///
/// It has a connection of its own: a broker that is short of memory stops reading from those that
/// publish, and the acknowledgements of a consumer would be stuck behind.
pub(super) struct Publisher {
    broker: Arc<Broker>,
    confirm_within: Duration,
    line: Mutex<Line>,
}

enum Line {
    /// Not open, or given up because answers were missing: on a new connection nobody waits for
    /// them, and the broker forgets what it had not yet confirmed on the old one.
    Down,
    /// Every answer to what was sent over it has been read.
    Ready(Link),
    /// The broker has stopped reading from it. Answers may be missing, so it is not used again,
    /// but neither is it given up before the broker reads on: a new one would be blocked as well,
    /// and as the broker would not notice that this one was closed, they would pile up there.
    Blocked(Link),
}

impl Publisher {
    pub(super) fn new(broker: Arc<Broker>, confirm_within: Duration) -> Publisher {
        Publisher {
            broker,
            confirm_within,
            line: Mutex::new(Line::Down),
        }
    }

    /// Tries once to connect, so that a wrong address or password is in the log at the start and
    /// not at the first event.
    pub(super) async fn connect(&self) -> Result<(), BrokerError> {
        let link = self.open().await?;
        *self.line.lock().await = Line::Ready(link);
        Ok(())
    }

    pub(super) async fn publish(&self, messages: &[Message]) -> Vec<Result<(), PublishError>> {
        if messages.is_empty() {
            return Vec::new();
        }
        let deadline = Instant::now() + self.confirm_within;
        let Ok(mut current) = timeout_at(deadline, self.line.lock()).await else {
            return vec![Err(PublishError::TimedOut); messages.len()];
        };
        // Taken out while it is in use: if this future is dropped half-way, so is the link, and with
        // it the answers that nobody has read.
        let link = match std::mem::replace(&mut *current, Line::Down) {
            Line::Ready(link) | Line::Blocked(link) if link.is_blocked() => {
                *current = Line::Blocked(link);
                return vec![Err(PublishError::TimedOut); messages.len()];
            }
            Line::Ready(link) if link.is_open() => link,
            Line::Ready(_) | Line::Blocked(_) | Line::Down => match self.reopen(deadline).await {
                Ok(link) => link,
                Err(error) => return vec![Err(error); messages.len()],
            },
        };
        let confirms = send(&link, &self.broker.names.events, messages, deadline).await;
        let answers = read_answers(confirms, deadline).await;
        let results = settle(messages, &answers);
        // After something unroutable as well we open anew, for that declares the queue again.
        let is_settled = answers.iter().all(Answer::is_final)
            && !answers.iter().any(|answer| answer.returned().is_some());
        if is_settled {
            *current = Line::Ready(link);
        } else if link.is_blocked() {
            *current = Line::Blocked(link);
        }
        results
    }

    /// Goes on trying until the deadline, so that a broker that is away for a moment costs the
    /// caller a moment and not a failed round.
    async fn reopen(&self, deadline: Instant) -> Result<Link, PublishError> {
        let mut backoff = Backoff::new();
        loop {
            let error = match timeout_at(deadline, self.open()).await {
                Ok(Ok(link)) => return Ok(link),
                Ok(Err(error)) => error,
                Err(_) => return Err(PublishError::TimedOut),
            };
            tracing::warn!(%error, "cannot connect to RabbitMQ to publish");
            let next_attempt = Instant::now() + backoff.pause();
            if next_attempt >= deadline {
                return Err(PublishError::Disconnected(error));
            }
            tokio::time::sleep_until(next_attempt).await;
        }
    }

    async fn open(&self) -> Result<Link, BrokerError> {
        let link = self.broker.open("publisher").await?;
        link.channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .map_err(Failure::Protocol)?;
        Ok(link)
    }
}

/// Sends all before anything is awaited from the broker, which confirms many at a time.
async fn send(
    link: &Link,
    exchange: &ShortString,
    messages: &[Message],
    deadline: Instant,
) -> Vec<Result<PublisherConfirm, PublishError>> {
    let mandatory = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let mut confirms = Vec::with_capacity(messages.len());
    for message in messages {
        if Instant::now() >= deadline {
            confirms.push(Err(PublishError::TimedOut));
            continue;
        }
        let Some((routing_key, properties)) = wire::envelope(message) else {
            confirms.push(Err(PublishError::Refused));
            continue;
        };
        let sending = link.channel.basic_publish(
            exchange.clone(),
            routing_key,
            mandatory,
            &message.body,
            properties,
        );
        confirms.push(match timeout_at(deadline, sending).await {
            Ok(Ok(confirm)) => Ok(confirm),
            Ok(Err(error)) => Err(disconnected(error)),
            Err(_) => Err(PublishError::TimedOut),
        });
    }
    confirms
}

async fn read_answers(
    confirms: Vec<Result<PublisherConfirm, PublishError>>,
    deadline: Instant,
) -> Vec<Answer> {
    let mut answers = Vec::with_capacity(confirms.len());
    for confirm in confirms {
        answers.push(match confirm {
            Ok(confirm) => match timeout_at(deadline, confirm).await {
                Ok(Ok(confirmation)) => confirmation.into(),
                Ok(Err(error)) => Answer::None(disconnected(error)),
                Err(_) => Answer::None(PublishError::TimedOut),
            },
            Err(PublishError::Refused) => Answer::NotSent,
            Err(error) => Answer::None(error),
        });
    }
    answers
}

fn disconnected(error: lapin::Error) -> PublishError {
    PublishError::Disconnected(Failure::Protocol(error).into())
}

/// What has come back for one message.
enum Answer {
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
    fn is_final(&self) -> bool {
        match self {
            Answer::Ack { .. } | Answer::Nack { .. } | Answer::NotSent => true,
            Answer::None(_) => false,
        }
    }

    fn returned(&self) -> Option<&str> {
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
fn settle(messages: &[Message], answers: &[Answer]) -> Vec<Result<(), PublishError>> {
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
