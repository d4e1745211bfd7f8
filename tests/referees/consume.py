"""Reads an institution's events from RabbitMQ with `pika`, on a queue of its own.

stdin, one line: {"amqp_url", "exchange", "routing_key"}
stdout: a line `bound` when everything from then on is read; then each message as one line of JSON.
"""

import base64
import json
import sys

import pika

job = json.loads(sys.stdin.readline())
channel = pika.BlockingConnection(pika.URLParameters(job["amqp_url"])).channel()
queue = channel.queue_declare("", exclusive=True).method.queue
channel.queue_bind(queue, job["exchange"], job["routing_key"])
print("bound", flush=True)
for delivered, properties, body in channel.consume(queue, auto_ack=True):
    message = {
        "routing_key": delivered.routing_key,
        "message_id": properties.message_id,
        "content_type": properties.content_type,
        "delivery_mode": properties.delivery_mode,
        "headers": properties.headers,
        "body": base64.b64encode(body).decode(),
    }
    print(json.dumps(message), flush=True)
