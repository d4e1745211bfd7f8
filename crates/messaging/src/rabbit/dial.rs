use std::{
    io, mem,
    net::{Shutdown, TcpStream},
    os::fd::AsFd,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lapin::{
    AsyncTcpStream, Connection, ConnectionProperties,
    tcp::{AMQPUriTcpExt, RustlsConnector, RustlsConnectorConfig},
    uri::{AMQPScheme, AMQPUri},
};
use rustls::pki_types::CertificateDer;

/// How long an address may take to answer, and to agree on the encryption.
const DIAL_WITHIN: Duration = Duration::from_secs(5);

/// A connection whose [`Call`] ends with it until it is kept.
pub(super) async fn dial(
    uri: AMQPUri,
    authorities: Vec<CertificateDer<'static>>,
    properties: ConnectionProperties,
) -> Result<(Connection, Call), lapin::Error> {
    let call = Call::default();
    let calling = Arc::clone(&call.state);
    let runtime = lapin::runtime::default_runtime()?;
    let connection = Connection::connector(
        uri,
        runtime,
        async move |mut uri, runtime| {
            let connect = async {
                let scheme = mem::replace(&mut uri.scheme, AMQPScheme::AMQP);
                let stream = uri.connect_async(&runtime).await?;
                if let AsyncTcpStream::Plain(tcp) = &stream {
                    let second_handle = tcp.get_ref().as_fd().try_clone_to_owned()?;
                    answered(&calling, second_handle.into())?;
                }
                match scheme {
                    AMQPScheme::AMQP => Ok(stream),
                    AMQPScheme::AMQPS => {
                        let connector = connector(&authorities)?;
                        stream.into_rustls(&connector, &uri.authority.host).await
                    }
                }
            };
            match tokio::time::timeout(DIAL_WITHIN, connect).await {
                Ok(stream) => Ok(stream?),
                Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
            }
        },
        properties,
    )
    .await?;
    Ok((connection, call))
}

/// The system's authorities and the operator's own.
fn connector(authorities: &[CertificateDer<'static>]) -> io::Result<RustlsConnector> {
    let own = RustlsConnectorConfig::default().with_parsable_certificates(authorities.to_vec());
    let config = match own.clone().with_native_certs() {
        // An image may come without the system's.
        Err(_) if !authorities.is_empty() => own,
        config => config?,
    };
    config.connector_with_no_client_auth()
}

/// Hangs up when it is dropped without having been kept.
///
/// lapin dials on a thread of its own, and then speaks to whoever has answered for as long as that
/// takes. A broker that accepts connections and says nothing would have one more thread and one
/// more socket of ours with each attempt that we have given up.
#[derive(Default)]
pub(super) struct Call {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
enum State {
    #[default]
    Dialling,
    /// A second handle of the socket.
    Answered(TcpStream),
    Over,
}

impl Call {
    /// The connection is open: from here on its own end closes it.
    pub(super) fn keep(&self) {
        *lock(&self.state) = State::Over;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let state = mem::replace(&mut *lock(&self.state), State::Over);
        if let State::Answered(socket) = state {
            // It may be closed already.
            socket.shutdown(Shutdown::Both).ok();
        }
    }
}

fn answered(calling: &Mutex<State>, socket: TcpStream) -> io::Result<()> {
    let mut state = lock(calling);
    if let State::Over = *state {
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    *state = State::Answered(socket);
    Ok(())
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
