// What stands in front of the broker: it ends TLS, as a proxy does in an installation, so that the browser has
// the cookies and the origins that sellers have; and it notes what the browser asked for. It plays the web
// server of the institution, too.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Where institutions have their sellers sent back to. */
export const INSTITUTION = "pay.example";

/** A key and a certificate for this host that nobody else has, and that nobody trusts. */
function certify(host) {
  const directory = mkdtempSync(join(tmpdir(), "shopgrant-front-"));
  const [key, cert] = [join(directory, "key.pem"), join(directory, "cert.pem")];
  const request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"];
  const subject = ["-days", "2", "-subj", `/CN=${host}`, "-addext", `subjectAltName=DNS:${host}`];
  try {
    execFileSync("openssl", [...request, ...subject, "-keyout", key, "-out", cert], { stdio: "pipe" });
    return { key: readFileSync(key), cert: readFileSync(cert) };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Begins to listen on a free port of this machine. */
export async function startFront(host, broker) {
  const front = {
    /** Every answer that went through: method, path, status, type and the bytes of its body. */
    answers: [],
    /** Every visit to the institution. */
    visits: [],
    /** Where the broker is; another process may be put there. */
    broker,
    /** Its own port. */
    port: 0,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  const server = https.createServer(certify(host), (request, response) => {
    const { method, url, headers } = request;
    if (headers.host === INSTITUTION) {
      front.visits.push({ url, referer: headers.referer, cookie: headers.cookie });
      response.setHeader("content-type", "text/html");
      response.end("<!doctype html><title>Back</title>");
      return;
    }
    const passed = http.request(front.broker + url, { method, headers }, (answer) => {
      const { statusCode: status } = answer;
      const noted = { method, path: url, status, type: answer.headers["content-type"] ?? "", bytes: 0 };
      front.answers.push(noted);
      response.writeHead(status, answer.headers);
      answer.on("data", (chunk) => (noted.bytes += chunk.length));
      answer.pipe(response);
    });
    passed.on("error", (error) => response.destroy(error));
    request.pipe(passed);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  front.port = server.address().port;
  return front;
}
