use bytes::Bytes;

/// One event on its way: the bytes are fixed at the commit that made it; the bus carries them
/// unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// `evt_…`, the same on every attempt and on every way out.
    pub id: String,
    /// `{app_id}.{event type}`; at most 255 bytes, which is what AMQP allows.
    pub routing_key: String,
    pub platform: Option<String>,
    pub store_id: Option<String>,
    pub body: Bytes,
}
