// The network as a peer sees it: every connection goes to the address that the
// test's map of hosts names, under the name that was asked for, so that
// certificates and Host headers are real. What went out and what came in is
// kept, with the kind of its signature.

import { contexts } from "@digitalbazaar/data-integrity-context";
import { Agent, buildConnector, setGlobalDispatcher } from "undici";

export const wire = []; // {way: "out" | "in", method, path, signature, status}

export function signatureOf(headers) {
  if (headers.has("signature-input")) return "rfc9421";
  return headers.has("signature") ? "cavage" : "none";
}

export function connect(hosts) {
  const connector = buildConnector({});
  setGlobalDispatcher(
    new Agent({
      connect(options, done) {
        const asked = `${options.hostname}:${options.port || 443}`;
        const address = hosts.get(asked);
        if (address === undefined) {
          return done(new Error(`${asked} is not in this test's fediverse`), null);
        }
        const [hostname, port] = address.split(":");
        const servername = options.servername || options.hostname;
        return connector({ ...options, hostname, host: address, port, servername }, done);
      },
    }),
  );

  // Fedify fetches the JSON-LD contexts that it does not carry. Those of data
  // integrity are published at w3id.org, so here a copy answers.
  const online = globalThis.fetch;
  globalThis.fetch = async (request, init) => {
    const url = request.url ?? `${request}`;
    const context = contexts.get(url);
    if (context !== undefined) {
      return Response.json(context, { headers: { "content-type": "application/ld+json" } });
    }
    const headers = new Headers(init?.headers ?? request.headers ?? {});
    const seen = { way: "out", method: init?.method ?? request.method ?? "GET", path: new URL(url).pathname, signature: signatureOf(headers) };
    wire.push(seen);
    const response = await online(request, init);
    seen.status = response.status;
    return response;
  };
}
