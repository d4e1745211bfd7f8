use std::{
    collections::VecDeque,
    future::{poll_fn, ready},
    sync::{Arc, Mutex as StdMutex, PoisonError},
    task::Poll,
    time::Duration,
};

use futures_util::future::BoxFuture;
use lapin::{
    Confirmation, ConnectionStatus,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout_at},
};

use super::{
    backoff::Backoff,
    confirms::{Answer, settle},
    connection::{Broker, Link},
    failure::{BrokerError, Failure},
    wire,
};
use crate::{
    Message, PublishError,
    status::{Journal, PublisherState},
};

/// How many messages are on their way to the broker without its confirmation. It confirms many at
/// a time, so that fewer would wait for nothing; more would only fill our memory and its own.
const WINDOW: usize = 500;
/// How long a broker may owe answers before its connection is given up.
const SILENT_AT_MOST: Duration = Duration::from_mins(1);

/// Publishes with confirms, one slice of messages after the other.
///
/// It has a connection of its own: a broker that is short of memory stops reading from those that
/// publish, and the acknowledgements of a consumer would be stuck behind.
pub(super) struct Publisher {
    broker: Arc<Broker>,
    confirm_within: Duration,
    line: Mutex<Option<Line>>,
    journal: Arc<Journal>,
    seen: StdMutex<Seen>,
}

/// A connection to publish on.
struct Line {
    link: Link,
    /// Answers that had not come when their time was up. The broker owes them still, and before it
    /// has given them we send nothing new: it would be told the same events once in every round
    /// and have them all in its queue in the end. Neither is the connection given up at once,
    /// because a broker that owes answers on one will owe them on the next one, too; and one that
    /// has stopped reading would not notice that we had left, so that they would pile up there.
    unread: VecDeque<Awaited>,
    silent_since: Option<Instant>,
}

/// The broker's answer to a message that is on its way.
type Awaited = BoxFuture<'static, Result<Confirmation, lapin::Error>>;

/// What [`Publisher::state`] tells without waiting for the line.
#[derive(Default)]
struct Seen {
    connection: Option<ConnectionStatus>,
    owes_answers: bool,
}

impl Publisher {
    pub(super) fn new(
        broker: Arc<Broker>,
        confirm_within: Duration,
        journal: Arc<Journal>,
    ) -> Publisher {
        Publisher {
            broker,
            confirm_within,
            line: Mutex::new(None),
            journal,
            seen: StdMutex::default(),
        }
    }

    /// Tries once to connect, so that a wrong address or password is known at the start and not at
    /// the first event.
    pub(super) async fn connect(&self) -> Result<(), BrokerError> {
        let line = self.open().await?;
        *self.line.lock().await = Some(line);
        Ok(())
    }

    pub(super) fn state(&self) -> PublisherState {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match &seen.connection {
            Some(connection) if connection.connected() && connection.blocked() => {
                PublisherState::Blocked
            }
            Some(connection) if connection.connected() && seen.owes_answers => {
                PublisherState::Unanswered
            }
            Some(connection) if connection.connected() => PublisherState::Ready,
            Some(_) | None => PublisherState::Disconnected,
        }
    }

    pub(super) async fn publish(&self, messages: &[Message]) -> Vec<Result<(), PublishError>> {
        if messages.is_empty() {
            return Vec::new();
        }
        let deadline = Instant::now() + self.confirm_within;
        let results = match timeout_at(deadline, self.line.lock()).await {
            Ok(mut current) => self.publish_on(&mut current, messages, deadline).await,
            Err(_) => vec![Err(PublishError::TimedOut); messages.len()],
        };
        self.journal.note(&results);
        results
    }

    async fn publish_on(
        &self,
        current: &mut Option<Line>,
        messages: &[Message],
        deadline: Instant,
    ) -> Vec<Result<(), PublishError>> {
        let mut line = match self.ready(current, deadline).await {
            Ok(line) => line,
            Err(error) => return vec![Err(error); messages.len()],
        };
        let answers = line.send(&self.broker, messages, deadline).await;
        let results = settle(messages, &answers);
        let is_complete = answers.iter().all(Answer::is_final);
        let is_astray = answers.iter().any(|answer| answer.returned().is_some());
        // After something unroutable we open anew, for that declares the queue again.
        if !(is_complete && is_astray) {
            self.put_back(current, line);
        }
        results
    }

    /// A line on which every answer has been read; the current one if it can be.
    ///
    /// It is taken out while it is in use: if the publication is dropped half-way, so is the line,
    /// and with it the answers that nobody has read.
    async fn ready(
        &self,
        current: &mut Option<Line>,
        deadline: Instant,
    ) -> Result<Line, PublishError> {
        let Some(mut line) = current.take().filter(|line| line.link.is_open()) else {
            return self.reopen(deadline).await;
        };
        if line.link.is_blocked() {
            self.put_back(current, line);
            return Err(PublishError::TimedOut);
        }
        match line.catch_up(deadline).await {
            Ok(()) => {
                self.see(&line);
                Ok(line)
            }
            Err(PublishError::TimedOut) => {
                self.put_back(current, line);
                Err(PublishError::TimedOut)
            }
            // The connection ended, or something was unroutable.
            Err(_) => self.reopen(deadline).await,
        }
    }

    /// Keeps a line that cannot be used now, if it may become usable.
    fn put_back(&self, current: &mut Option<Line>, line: Line) {
        self.see(&line);
        let is_silent = line
            .silent_since
            .is_some_and(|since| since.elapsed() > SILENT_AT_MOST);
        if line.link.is_blocked() || (line.link.is_open() && !is_silent) {
            *current = Some(line);
        } else if is_silent {
            tracing::warn!("RabbitMQ leaves publications unanswered, connecting anew");
        }
    }

    /// Goes on trying until the deadline, so that a broker that is away for a moment costs the
    /// caller a moment and not a failed round.
    async fn reopen(&self, deadline: Instant) -> Result<Line, PublishError> {
        let mut backoff = Backoff::new();
        loop {
            let error = match timeout_at(deadline, self.open()).await {
                Ok(Ok(line)) => return Ok(line),
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

    async fn open(&self) -> Result<Line, BrokerError> {
        let link = self.broker.open("publisher").await?;
        link.channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .map_err(Failure::Protocol)?;
        let opened = Line {
            link,
            unread: VecDeque::new(),
            silent_since: None,
        };
        self.see(&opened);
        Ok(opened)
    }

    fn see(&self, line: &Line) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.connection = Some(line.link.connection.status().clone());
        seen.owes_answers = line.silent_since.is_some();
    }
}

impl Line {
    /// Sends what fits into the window before anything is awaited from the broker, and the rest as
    /// its answers come. One answer per message.
    async fn send(
        &mut self,
        broker: &Broker,
        messages: &[Message],
        deadline: Instant,
    ) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(messages.len());
        let mut on_the_way = VecDeque::with_capacity(messages.len().min(WINDOW));
        for message in messages {
            if on_the_way.len() == WINDOW
                && let Some(oldest) = on_the_way.pop_front()
            {
                answers.push(self.read(oldest, deadline).await);
            }
            on_the_way.push_back(send_one(&self.link, broker, message, deadline).await);
        }
        for sent in on_the_way {
            answers.push(self.read(sent, deadline).await);
        }
        answers
    }

    async fn read(&mut self, sent: Result<Awaited, Answer>, deadline: Instant) -> Answer {
        let answer = match sent {
            Ok(mut awaited) => match timeout_at(deadline, &mut awaited).await {
                Ok(Ok(confirmation)) => confirmation.into(),
                Ok(Err(error)) => Answer::None(disconnected(error)),
                Err(_) => {
                    self.unread.push_back(awaited);
                    Answer::None(PublishError::TimedOut)
                }
            },
            Err(answer) => answer,
        };
        self.note(&answer);
        answer
    }

    fn note(&mut self, answer: &Answer) {
        if answer.is_heard() {
            self.silent_since = None;
        } else if !answer.is_final() {
            self.silent_since.get_or_insert_with(Instant::now);
        }
    }

    /// Reads the answers that are owed. Whom they were for has long been told that they had not
    /// come.
    async fn catch_up(&mut self, deadline: Instant) -> Result<(), PublishError> {
        while let Some(awaited) = self.unread.pop_front() {
            let answer = self.read(Ok(awaited), deadline).await;
            if answer.returned().is_some() {
                return Err(PublishError::Unroutable);
            }
            if let Answer::None(error) = answer {
                return Err(error);
            }
        }
        Ok(())
    }
}

async fn send_one(
    link: &Link,
    broker: &Broker,
    message: &Message,
    deadline: Instant,
) -> Result<Awaited, Answer> {
    if Instant::now() >= deadline {
        return Err(Answer::None(PublishError::TimedOut));
    }
    let (routing_key, properties) = wire::envelope(message).ok_or(Answer::NotSent)?;
    let (channel, exchange) = (link.channel.clone(), broker.names.events.clone());
    let body = message.body.clone();
    let mut answer: Awaited = Box::pin(async move {
        let mandatory = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let sent = channel.basic_publish(exchange, routing_key, mandatory, &body, properties);
        sent.await?.await
    });
    // The first poll hands the message to lapin, and so in our order. To wait here until it is
    // written would cost a system call and two changes of threads for each message.
    match poll_fn(|context| Poll::Ready(answer.as_mut().poll(context))).await {
        Poll::Ready(result) => Ok(Box::pin(ready(result))),
        Poll::Pending => Ok(answer),
    }
}

fn disconnected(error: lapin::Error) -> PublishError {
    PublishError::Disconnected(Failure::Protocol(error).into())
}
