use lapin::{
    ErrorKind,
    protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError},
    types::ShortString,
};

/// Why the broker cannot be used at the moment; the text is for a log and holds no secret.
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
pub struct BrokerError(#[from] Failure);

impl BrokerError {
    pub(super) fn refusal(&self) -> Option<&Refusal> {
        match &self.0 {
            Failure::Refused(refusal) => Some(refusal),
            Failure::Protocol(_)
            | Failure::TimedOut
            | Failure::Cancelled
            | Failure::NameTooLong => None,
        }
    }
}

#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("RabbitMQ: {0}")]
    Protocol(#[from] lapin::Error),
    #[error("RabbitMQ did not answer in time")]
    TimedOut,
    #[error("RabbitMQ ended the consumption, as when its queue is deleted")]
    Cancelled,
    #[error("RabbitMQ has no room for a name as long as this institution's")]
    NameTooLong,
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// What time does not heal: somebody has to change the settings, or something in RabbitMQ.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("RabbitMQ does not accept the user or the password")]
    Login,
    #[error("RabbitMQ does not let this user into the virtual host: {reply}")]
    VirtualHost { reply: String },
    #[error("RabbitMQ does not let this user do what is needed: {reply}")]
    Permission { reply: String },
    #[error("RabbitMQ has `{name}` in another shape than this version needs: {reply}")]
    OtherShape { name: String, reply: String },
    #[error("the connection to RabbitMQ cannot be encrypted: {reason}")]
    Tls { reason: String },
}

impl Failure {
    /// Of what went wrong until the connection was open.
    pub(super) fn of_opening(error: lapin::Error) -> Failure {
        if let Some(reason) = tls_error(&error) {
            let reason = reason.to_string();
            return Refusal::Tls { reason }.into();
        }
        match reply(&error) {
            Some((AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED), _)) => Refusal::Login.into(),
            // The same code says that there are too many connections at the moment.
            Some((AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED), reply))
                if !reply.contains("limit") =>
            {
                Refusal::VirtualHost { reply }.into()
            }
            _ => Failure::Protocol(error),
        }
    }

    /// Of what was answered to a declaration of `name`.
    pub(super) fn of_declaration(name: &ShortString, error: lapin::Error) -> Failure {
        match reply(&error) {
            Some((AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED), reply)) => {
                let name = name.to_string();
                Refusal::OtherShape { name, reply }.into()
            }
            Some((AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED), reply)) => {
                Refusal::Permission { reply }.into()
            }
            _ => Failure::Protocol(error),
        }
    }
}

/// What the broker said, in its own words.
fn reply(error: &lapin::Error) -> Option<(AMQPErrorKind, String)> {
    let ErrorKind::ProtocolError(error) = error.kind() else {
        return None;
    };
    Some((error.kind().clone(), error.get_message().to_string()))
}

fn tls_error(error: &lapin::Error) -> Option<&rustls::Error> {
    let ErrorKind::IOError(error) = error.kind() else {
        return None;
    };
    error.get_ref()?.downcast_ref()
}
