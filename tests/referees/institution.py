"""Reads an institution's events from RabbitMQ with `pika`, and tries what it must not be able to do.

stdin, one line: {"amqp_url", "app_id", "other_app_id"}
stdout: a line of JSON that names each thing that was tried and RabbitMQ's reply code, 0 if it went through; a line
`bound` when everything from then on is read; then each message as one line of JSON.
"""

import base64
import json
import sys

import pika
import pika.exceptions

job = json.loads(sys.stdin.readline())
own, other = job["app_id"], job["other_app_id"]
connection = pika.BlockingConnection(pika.URLParameters(job["amqp_url"]))


def attempt(action):
    # A refusal closes the channel.
    channel = connection.channel()
    channel.confirm_delivery()
    try:
        action(channel)
    except pika.exceptions.ChannelClosedByBroker as closed:
        return closed.reply_code
    channel.close()
    return 0


queue = f"{own}.events"
exchange = f"shopgrant.institution.{own}"
channel = connection.channel()
channel.queue_declare(queue, durable=True)
channel.queue_bind(queue, exchange, "#")

forbidden = {
    "bind to all events": lambda c: c.queue_bind(queue, "shopgrant.events", "#"),
    "bind to another's exchange": lambda c: c.queue_bind(queue, f"shopgrant.institution.{other}", "#"),
    "bind its exchange to all events": lambda c: c.exchange_bind(exchange, "shopgrant.events", "#"),
    "read the queue of webhooks": lambda c: c.basic_get("shopgrant.webhooks"),
    "read what is parked": lambda c: c.basic_get("shopgrant.dead"),
    "read another's queue": lambda c: c.basic_get(f"{other}.events"),
    "purge the queue of webhooks": lambda c: c.queue_purge("shopgrant.webhooks"),
    "delete its exchange": lambda c: c.exchange_delete(exchange),
    "publish an event": lambda c: c.basic_publish("shopgrant.events", f"{own}.store.auth.succeeded", b"{}"),
    "publish to its exchange": lambda c: c.basic_publish(exchange, f"{own}.store.auth.succeeded", b"{}"),
    "publish past all exchanges": lambda c: c.basic_publish("", "shopgrant.webhooks", b"{}"),
    "declare a queue of another name": lambda c: c.queue_declare(f"{own}events"),
    "let dead letters become events": lambda c: c.queue_declare(
        f"{own}.trap", arguments={"x-dead-letter-exchange": "shopgrant.events"}
    ),
    "let what is unroutable become events": lambda c: c.exchange_declare(
        f"{own}.trap", "topic", arguments={"alternate-exchange": "shopgrant.events"}
    ),
}
print(json.dumps({name: attempt(action) for name, action in forbidden.items()}), flush=True)
print("bound", flush=True)
for delivered, properties, body in channel.consume(queue):
    message = {
        "routing_key": delivered.routing_key,
        "message_id": properties.message_id,
        "body": base64.b64encode(body).decode(),
    }
    print(json.dumps(message), flush=True)
    channel.basic_ack(delivered.delivery_tag)
