use lapin::{
    BasicProperties,
    message::Delivery,
    types::{AMQPValue, FieldTable, ShortString},
};

use crate::Message;

const PLATFORM: &str = "platform";
const STORE_ID: &str = "store_id";
/// Written to disk by the broker before it confirms.
const PERSISTENT: u8 = 2;

/// What AMQP carries beside the body, or nothing if the id or the routing key is too long for it.
pub(super) fn envelope(message: &Message) -> Option<(ShortString, BasicProperties)> {
    let routing_key = short(&message.routing_key)?;
    let mut headers = FieldTable::default();
    for (name, value) in [(PLATFORM, &message.platform), (STORE_ID, &message.store_id)] {
        if let Some(value) = value {
            headers.insert(name.into(), AMQPValue::LongString(value.as_str().into()));
        }
    }
    let properties = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_delivery_mode(PERSISTENT)
        .with_message_id(short(&message.id)?)
        .with_headers(headers);
    Some((routing_key, properties))
}

/// The message of a delivery, or why it is none: anybody who may write to the exchange can put
/// something else there.
pub(super) fn read_message(delivery: &mut Delivery) -> Result<Message, String> {
    let Some(id) = delivery.properties.message_id() else {
        return Err("it has no message id".to_owned());
    };
    Ok(Message {
        id: id.to_string(),
        routing_key: delivery.routing_key.to_string(),
        platform: read_header(&delivery.properties, PLATFORM)?,
        store_id: read_header(&delivery.properties, STORE_ID)?,
        body: std::mem::take(&mut delivery.data).into(),
    })
}

fn read_header(properties: &BasicProperties, name: &str) -> Result<Option<String>, String> {
    let Some(headers) = properties.headers() else {
        return Ok(None);
    };
    let Some(value) = headers.inner().get(name) else {
        return Ok(None);
    };
    let text = value
        .as_long_string()
        .and_then(|text| std::str::from_utf8(text.as_bytes()).ok());
    match text {
        Some(text) => Ok(Some(text.to_owned())),
        None => Err(format!("its header {name} is not a text")),
    }
}

fn short(text: &str) -> Option<ShortString> {
    ShortString::try_new(text).ok()
}
