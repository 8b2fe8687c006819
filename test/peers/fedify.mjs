// A small ActivityPub server of another make (Fedify), with one person on it,
// that does what the test tells it. It serves https on a free port of
// 127.0.0.1 and knows the fediverse only by the map of hosts it is given.
//
//   node fedify.mjs '{"host":"fedify.test","key":"key.pem","cert":"cert.pem",
//                     "hosts":{"kamianske.test:443":"127.0.0.1:40001"}}'
//
// Speaks JSON lines. In: {"id":1,"do":"follow","handle":"@ecology@kamianske.test"}.
// Out: {"id":1,"ok":{…}} or {"id":1,"error":"…"}, and at the start
// {"ready":{"address":"127.0.0.1:40002","actor":"https://fedify.test/users/ivan"}}.
// The commands are the functions of `commands` below.

import { createServer } from "node:https";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { contexts } from "@digitalbazaar/data-integrity-context";
import { configure, getConsoleSink } from "@logtape/logtape";
import { Agent, buildConnector, setGlobalDispatcher } from "undici";

const settings = JSON.parse(process.argv[2]);
const hosts = new Map(Object.entries(settings.hosts ?? {}));

// Every connection goes to the address that the map names, under the name
// that was asked for, so that certificates and Host headers are real.
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
globalThis.fetch = (request, init) => {
  const context = contexts.get(request.url ?? `${request}`);
  if (context === undefined) return online(request, init);
  return Promise.resolve(Response.json(context, { headers: { "content-type": "application/ld+json" } }));
};

const { Accept, Announce, Create, Follow, Note, Person, Question, Reject, Undo, Update,
  createFederation, Endpoints, generateCryptoKeyPair, MemoryKvStore, isActor } = await import("@fedify/fedify");

await configure({
  sinks: { console: getConsoleSink({ console: new console.Console(process.stderr) }) },
  filters: {},
  loggers: [
    { category: "fedify", sinks: ["console"], lowestLevel: settings.log || "warning" },
    { category: ["logtape", "meta"], sinks: ["console"], lowestLevel: "error" },
  ],
});

const name = "ivan";
const origin = `https://${settings.host}`;
const federation = createFederation({ kv: new MemoryKvStore(), allowPrivateAddress: true });

let keyPairs;
federation
  .setActorDispatcher("/users/{identifier}", async (context, identifier) => {
    if (identifier !== name) return null;
    const keys = await context.getActorKeyPairs(identifier);
    return new Person({
      id: context.getActorUri(identifier),
      preferredUsername: identifier,
      name: "Іван з іншої мережі",
      inbox: context.getInboxUri(identifier),
      endpoints: new Endpoints({ sharedInbox: context.getInboxUri() }),
      url: context.getActorUri(identifier),
      publicKey: keys[0].cryptographicKey,
      assertionMethods: keys.map((key) => key.multikey),
    });
  })
  .setKeyPairsDispatcher((_context, identifier) => {
    if (identifier !== name) return [];
    keyPairs ??= Promise.all([
      generateCryptoKeyPair("RSASSA-PKCS1-v1_5"),
      generateCryptoKeyPair("Ed25519"),
    ]);
    return keyPairs;
  });

const ctx = federation.createContext(new URL(origin), undefined);
const me = ctx.getActorUri(name);

// What arrived with a signature that Fedify accepts, oldest first.
const received = [];
let wake = [];

function take(activity) {
  received.push(activity);
  for (const again of wake.splice(0)) again();
}

// Waits until an activity of this type fits, and hands over what `fits` made
// of it. Those that came before the question was asked count too.
async function arrival(type, fits, seconds = 20) {
  const until = Date.now() + seconds * 1000;
  const seen = new Set();
  for (;;) {
    for (const activity of received) {
      if (!(activity instanceof type) || seen.has(activity)) continue;
      seen.add(activity);
      const found = await fits(activity);
      if (found) return found;
    }
    const left = until - Date.now();
    if (left <= 0) {
      const got = received.map((activity) => activity.constructor.name).join(", ") || "nothing";
      throw new Error(`no fitting ${type.name} in ${seconds} s; received: ${got}`);
    }
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, left);
      wake.push(() => (clearTimeout(timer), resolve()));
    });
  }
}

federation.setInboxListeners("/users/{identifier}/inbox", "/inbox")
  .on(Accept, (_, activity) => take(activity))
  .on(Reject, (_, activity) => take(activity))
  .on(Announce, (_, activity) => take(activity))
  .on(Create, (_, activity) => take(activity))
  .on(Update, (_, activity) => take(activity))
  .on(Undo, (_, activity) => take(activity));

let counter = 0;
const fresh = (kind) => new URL(`/${kind}/${++counter}`, origin);

async function find(what, type) {
  const documentLoader = await ctx.getDocumentLoader({ identifier: name });
  const object = await ctx.lookupObject(what, { documentLoader });
  if (object === null) throw new Error(`${what} was not found`);
  if (type && !(object instanceof type)) throw new Error(`${what} is a ${object.constructor.name}, not a ${type.name}`);
  return object;
}

async function actorNamed(handle) {
  const actor = await find(handle);
  if (!isActor(actor)) throw new Error(`${handle} is a ${actor.constructor.name}, not an actor`);
  return actor;
}

async function all(items) {
  const list = [];
  for await (const item of items) list.push(item);
  return list;
}

// A poll as Fedify understands it; `count` is null where nothing is told.
async function poll(question) {
  const one = await all(question.getExclusiveOptions());
  const several = await all(question.getInclusiveOptions());
  const options = [];
  for (const option of one.length ? one : several) {
    const replies = await option.getReplies();
    options.push({ name: String(option.name), count: replies?.totalItems ?? null });
  }
  return {
    id: question.id.href,
    name: question.name === null ? null : String(question.name),
    content: question.content === null ? null : String(question.content),
    attributedTo: question.attributionId?.href ?? null,
    multiple: several.length > 0,
    options,
    voters: question.voters,
    endTime: question.endTime?.toString() ?? null,
    closed: question.closed === null ? null : String(question.closed),
  };
}

const commands = {
  // By WebFinger and a signed fetch, as when a person types a handle.
  async lookup({ handle }) {
    const actor = await actorNamed(handle);
    return {
      id: actor.id.href,
      type: actor.constructor.name,
      username: String(actor.preferredUsername),
      name: actor.name === null ? null : String(actor.name),
      inbox: actor.inboxId?.href ?? null,
      sharedInbox: actor.endpoints?.sharedInbox?.href ?? null,
      url: actor.url?.href?.toString() ?? null,
    };
  },

  // Ends when the other side has accepted, or says why not.
  async follow({ handle, seconds }) {
    const actor = await actorNamed(handle);
    const follow = new Follow({ id: fresh("follows"), actor: me, object: actor.id, to: actor.id });
    await ctx.sendActivity({ identifier: name }, actor, follow);
    const about = async (answer) => {
      const object = answer.objectId?.href ?? (await answer.getObject())?.id?.href;
      return answer.actorId?.href === actor.id.href && object === follow.id.href;
    };
    return await Promise.race([
      arrival(Accept, async (accept) => (await about(accept)) && { actor: actor.id.href, accepted: accept.id?.href }, seconds),
      arrival(Reject, about, seconds).then(() => { throw new Error(`${handle} rejected the follow`); }),
    ]);
  },

  // The poll that came by an Announce of this actor: Fedify fetches it where
  // it lives. `raw` is the document as served.
  async announced({ actor, name: title, seconds }) {
    return await arrival(Announce, async (announce) => {
      if (actor && announce.actorId?.href !== actor) return null;
      const question = await announce.getObject(ctx);
      if (!(question instanceof Question)) return null;
      const understood = await poll(question);
      if (title && understood.name !== title) return null;
      const { document: raw } = await ctx.documentLoader(understood.id);
      return { announce: announce.id.href, actor: announce.actorId.href, poll: understood, raw };
    }, seconds);
  },

  async fetch({ poll: id }) {
    const question = await find(id, Question);
    const { document: raw } = await ctx.documentLoader(id);
    return { poll: await poll(question), raw };
  },

  // As Mastodon does it: one Create for each choice, sent to the poll's author.
  async vote({ poll: id, choices }) {
    const question = await find(id, Question);
    const author = await question.getAttribution(ctx);
    if (!isActor(author)) throw new Error(`the author of ${id} is not an actor`);
    const sent = [];
    for (const choice of choices) {
      const note = new Note({
        id: fresh("votes"), attribution: me, to: author.id, name: choice, replyTarget: question.id,
      });
      const create = new Create({ id: new URL(`${note.id.href}/activity`), actor: me, to: author.id, object: note });
      await ctx.sendActivity({ identifier: name }, author, create);
      sent.push(create.id.href);
    }
    return { to: author.id.href, sent };
  },

  // The Update that closes the poll.
  async closed({ poll: id, seconds }) {
    return await arrival(Update, async (update) => {
      const object = await update.getObject(ctx);
      if (!(object instanceof Question) || object.id?.href !== id || object.closed === null) return null;
      return { update: update.id?.href ?? null, actor: update.actorId.href, poll: await poll(object) };
    }, seconds);
  },

  async received() {
    return received.map((activity) => ({ type: activity.constructor.name, id: activity.id?.href ?? null }));
  },
};

const server = createServer(
  { key: readFileSync(settings.key), cert: readFileSync(settings.cert) },
  async (incoming, outgoing) => {
    try {
      const parts = [];
      for await (const part of incoming) parts.push(part);
      const headers = new Headers();
      for (let i = 0; i < incoming.rawHeaders.length; i += 2) {
        headers.append(incoming.rawHeaders[i], incoming.rawHeaders[i + 1]);
      }
      const hasBody = !["GET", "HEAD"].includes(incoming.method);
      const request = new Request(new URL(incoming.url, `https://${incoming.headers.host}`), {
        method: incoming.method, headers, body: hasBody ? Buffer.concat(parts) : undefined,
      });
      const response = await federation.fetch(request, {
        contextData: undefined,
        onNotFound: () => new Response("not found", { status: 404 }),
        onNotAcceptable: () => new Response("ActivityPub only", { status: 406 }),
      });
      outgoing.writeHead(response.status, Object.fromEntries(response.headers));
      outgoing.end(Buffer.from(await response.arrayBuffer()));
    } catch (error) {
      console.error(error);
      outgoing.writeHead(500).end();
    }
  },
);

const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");

server.listen(0, "127.0.0.1", async () => {
  const address = `127.0.0.1:${server.address().port}`;
  hosts.set(settings.host.includes(":") ? settings.host : `${settings.host}:443`, address);
  await ctx.getActorKeyPairs(name);
  say({ ready: { address, actor: me.href, handle: `@${name}@${settings.host}` } });

  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() === "") continue;
    const { id, do: command, ...rest } = JSON.parse(line);
    if (!Object.hasOwn(commands, command)) {
      say({ id, error: `no such command: ${command}` });
      continue;
    }
    commands[command](rest).then(
      (ok) => say({ id, ok }),
      (error) => say({ id, error: `${error?.message ?? error}`, stack: `${error?.stack}` }),
    );
  }
  process.exit(0); // the test has let go of us
});
