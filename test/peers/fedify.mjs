// An ActivityPub server of another make (Fedify), with a few people and a group
// on it, that does what the test tells it. It serves https on a free port of
// 127.0.0.1 and knows the fediverse only by the map of hosts it is given.
//
//   node fedify.mjs '{"host":"fedify.test","version":"1","key":"key.pem","cert":"cert.pem",
//                     "hosts":{"kamianske.test:443":"127.0.0.1:40001"}}'
//
// Version 1 signs as draft-cavage has it; version 2 tries RFC 9421 first.
//
// Speaks JSON lines. In: {"id":1,"do":"follow","handle":"@ecology@kamianske.test"}.
// Out: {"id":1,"ok":{…}} or {"id":1,"error":"…"}, and at the start
// {"ready":{"address":"127.0.0.1:40002","actor":"https://fedify.test/users/ivan"}}.
// The commands are the functions of `commands` below.

import { createServer } from "node:https";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { configure, getConsoleSink } from "@logtape/logtape";
import { connect, signatureOf, wire } from "./wire.mjs";
import { activity as understoodActivity, poll, post as understoodPost } from "./understood.mjs";

globalThis.navigator ??= { userAgent: `Node.js/${process.version}` }; // version 2 asks for it, node 20 has none

const settings = JSON.parse(process.argv[2]);
const hosts = new Map(Object.entries(settings.hosts ?? {}));
connect(hosts);

const second = settings.version === "2";
const made = await import(second ? "fedify2" : "@fedify/fedify");
const vocab = second ? await import("@fedify/vocab") : made;
const { createFederation, generateCryptoKeyPair, MemoryKvStore, signObject, signRequest, verifyObject } = made;
const { Accept, Activity, Announce, Article, Collection, Create, Delete, Document, Endpoints, Follow, Group, Hashtag, Image,
  LanguageString, Mention, Move, Note, Person, Question, Reject, Tombstone, Undo, Update, isActor, PUBLIC_COLLECTION } = { ...made, ...vocab };
const { Temporal } = await import("@js-temporal/polyfill");

await configure({
  sinks: { console: getConsoleSink({ console: new console.Console(process.stderr) }) },
  filters: {},
  loggers: [
    { category: "fedify", sinks: ["console"], lowestLevel: settings.log || "fatal" },
    { category: ["logtape", "meta"], sinks: ["console"], lowestLevel: "error" },
  ],
});

// Who lives here. `manual` answers no Follow by itself.
const people = {
  ivan: { type: Person, name: "Іван з іншої мережі" },
  olha: { type: Person, name: "Ольга під замком", manual: true },
  klub: { type: Group, name: "Клуб з іншої мережі" },
  oselia: { type: Person, name: "Нова оселя Івана", aliases: ["ivan"] },
};
const origin = `https://${settings.host}`;
const federation = createFederation({ kv: new MemoryKvStore(), allowPrivateAddress: true });

const keyPairs = new Map();
const followers = new Map(Object.keys(people).map((name) => [name, new Map()])); // name → actor id → actor
const objects = new Map(); // id → {object, isPublic, readers}
const activities = new Map(); // id → what was sent
const follows = new Map(); // id → the Follow that waits here

// Ivan's key is as Fedify makes them, of 4096 bits, which takes seconds; the
// others get along with 2048.
function rsaKeyPair(identifier) {
  if (identifier === "ivan") return generateCryptoKeyPair("RSASSA-PKCS1-v1_5");
  return crypto.subtle.generateKey(
    { name: "RSASSA-PKCS1-v1_5", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" }, true, ["sign", "verify"]);
}

function person(context, identifier) {
  const who = people[identifier];
  return new who.type({
    id: context.getActorUri(identifier),
    preferredUsername: identifier,
    name: who.name,
    summary: who.summary ?? null,
    inbox: context.getInboxUri(identifier),
    outbox: context.getOutboxUri(identifier),
    followers: context.getFollowersUri(identifier),
    endpoints: new Endpoints({ sharedInbox: context.getInboxUri() }),
    url: context.getActorUri(identifier),
    manuallyApprovesFollowers: who.manual ?? false,
    aliases: (who.aliases ?? []).map((one) => (one.includes(":") ? new URL(one) : context.getActorUri(one))),
    successor: who.movedTo ? new URL(who.movedTo) : null,
    icon: new Image({ url: new URL("/icon.png", origin), mediaType: "image/png" }),
    publicKey: who.keys[0].cryptographicKey,
    assertionMethods: who.keys.map((key) => key.multikey),
  });
}

federation
  .setActorDispatcher("/users/{identifier}", async (context, identifier) => {
    if (!Object.hasOwn(people, identifier)) return null;
    people[identifier].keys = await context.getActorKeyPairs(identifier);
    return person(context, identifier);
  })
  .setKeyPairsDispatcher((_context, identifier) => {
    if (!Object.hasOwn(people, identifier)) return [];
    if (!keyPairs.has(identifier)) {
      keyPairs.set(identifier, Promise.all([rsaKeyPair(identifier), generateCryptoKeyPair("Ed25519")]));
    }
    return keyPairs.get(identifier);
  });
federation.setOutboxDispatcher("/users/{identifier}/outbox", () => ({ items: [] }));
federation.setFollowersDispatcher("/users/{identifier}/followers", (_context, identifier) =>
  ({ items: [...(followers.get(identifier)?.values() ?? [])] }));

// Posts are served to whom they are addressed, and to nobody else.
for (const [type, path] of [[Note, "/notes/{id}"], [Question, "/questions/{id}"], [Article, "/articles/{id}"]]) {
  federation.setObjectDispatcher(type, path, (context) => objects.get(context.url.href)?.object ?? null)
    .authorize(async (context) => {
      const kept = objects.get(context.url.href);
      if (!kept || kept.isPublic) return true;
      const reader = (await context.getSignedKeyOwner())?.id?.href;
      return Boolean(reader && (kept.readers.has(reader) || followers.get(kept.by)?.has(reader)));
    });
}

const ctx = federation.createContext(new URL(origin), undefined);
const idOf = (name) => ctx.getActorUri(name);

// What arrived with a signature that Fedify accepts, oldest first.
const received = [];
let wake = [];

async function take(context, activity) {
  if (activity instanceof Follow) await meetFollow(context, activity);
  if (activity instanceof Undo) await forgetFollow(activity);
  received.push(activity);
  for (const again of wake.splice(0)) again();
}

async function meetFollow(context, follow) {
  const parsed = ctx.parseUri(follow.objectId);
  const follower = await follow.getActor(context);
  if (parsed?.type !== "actor" || !follower) return;
  follows.set(follow.id.href, { follow, follower, name: parsed.identifier });
  if (!people[parsed.identifier].manual) await answer(follow.id.href, Accept);
}

async function answer(id, Answer) {
  const { follow, follower, name } = follows.get(id);
  if (Answer === Accept) followers.get(name).set(follower.id.href, follower);
  await ctx.sendActivity({ identifier: name }, follower,
    new Answer({ id: fresh("answers"), actor: idOf(name), to: follower.id, object: follow }));
}

async function forgetFollow(undo) {
  const id = undo.objectId?.href ?? (await undo.getObject())?.id?.href;
  const known = follows.get(id);
  if (known) followers.get(known.name).delete(known.follower.id.href);
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

federation.setInboxListeners("/users/{identifier}/inbox", "/inbox").on(Activity, take);

let counter = 0;
const fresh = (kind) => new URL(`/${kind}/${Date.now().toString(36)}${++counter}`, origin);

async function find(what, type, as = "ivan") {
  const documentLoader = await ctx.getDocumentLoader({ identifier: as });
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

// Sends one activity in the name of somebody here, to some actors elsewhere and
// to the followers.
async function send(name, activity, to, withFollowers) {
  activities.set(activity.id.href, { activity, name, to, withFollowers });
  const recipients = new Map();
  for (const one of to) recipients.set(one, await actorNamed(one));
  if (withFollowers) for (const [id, actor] of followers.get(name)) recipients.set(id, actor);
  if (recipients.size === 0) throw new Error("nobody to send this to");
  await ctx.sendActivity({ identifier: name }, [...recipients.values()], activity);
  return { activity: activity.id.href };
}

function addressed(name, visibility, to) {
  const list = ctx.getFollowersUri(name);
  const named = to.map((one) => new URL(one));
  switch (visibility) {
    case "followers": return { tos: [list, ...named], ccs: [] };
    case "direct": return { tos: named, ccs: [] };
    case "unlisted": return { tos: [list], ccs: [PUBLIC_COLLECTION, ...named] };
    default: return { tos: [PUBLIC_COLLECTION], ccs: [list, ...named] };
  }
}

function options(names, counts) {
  return names.map((name, i) => new Note({ name, replies: new Collection({ totalItems: counts?.[i] ?? 0 }) }));
}

// An activity as its actor sends it, proof and all. Version 2 is taken at its
// word: it sends to somebody here, who keeps the bytes. Version 1 names a key
// in its proofs ("#key-2") that its actors list by another name ("#multikey-2"),
// so it is told which name to use.
async function proven({ activity, name }, to) {
  if (second) {
    await ctx.sendActivity({ identifier: name }, await find(idOf(to).href, undefined, name), activity);
    return lastBody.get(idOf(to).href);
  }
  const [, ed25519] = await ctx.getActorKeyPairs(name);
  const signed = await signObject(activity, ed25519.privateKey, ed25519.multikey.id, { contextLoader: ctx.contextLoader });
  return JSON.stringify(await signed.toJsonLd({ format: "compact", contextLoader: ctx.contextLoader }));
}

const lastBody = new Map(); // actor id → what last came into the inbox

const commands = {
  // By WebFinger and a signed fetch, as when a person types a handle.
  async lookup({ handle }) {
    const actor = await actorNamed(handle);
    return {
      id: actor.id.href,
      type: actor.constructor.name,
      username: String(actor.preferredUsername),
      name: actor.name === null ? null : String(actor.name),
      summary: actor.summary === null ? null : String(actor.summary),
      inbox: actor.inboxId?.href ?? null,
      sharedInbox: actor.endpoints?.sharedInbox?.href ?? null,
      url: actor.url?.href?.toString() ?? null,
      locked: actor.manuallyApprovesFollowers,
      movedTo: actor.successorId?.href ?? null,
      alsoKnownAs: actor.aliasIds.map((one) => one.href),
    };
  },

  // Ends when the other side has accepted, or says why not; with `send` once
  // it is sent.
  async follow({ handle, as = "ivan", seconds, only }) {
    const actor = await actorNamed(handle);
    const follow = new Follow({ id: fresh("follows"), actor: idOf(as), object: actor.id, to: actor.id });
    await send(as, follow, [actor.id.href]);
    if (only === "send") return { activity: follow.id.href };
    const about = async (answer) => {
      const object = answer.objectId?.href ?? (await answer.getObject())?.id?.href;
      return answer.actorId?.href === actor.id.href && object === follow.id.href;
    };
    return await Promise.race([
      arrival(Accept, async (accept) => (await about(accept)) && { actor: actor.id.href, activity: follow.id.href, accepted: accept.id?.href }, seconds),
      arrival(Reject, about, seconds).then(() => { throw new Error(`${handle} rejected the follow`); }),
    ]);
  },

  // What the other side answered to a Follow that waited.
  async answered({ activity, seconds }) {
    const about = async (answer) => (answer.objectId?.href ?? (await answer.getObject())?.id?.href) === activity;
    return await Promise.any([
      arrival(Accept, async (one) => (await about(one)) && { answer: "Accept" }, seconds),
      arrival(Reject, async (one) => (await about(one)) && { answer: "Reject" }, seconds),
    ]);
  },

  // Answers a Follow that waits here.
  async answer({ follower, as, yes }) {
    const waiting = [...follows].filter(([, one]) => one.name === as && one.follower.id.href === follower).pop();
    if (!waiting) throw new Error(`${follower} has not asked to follow ${as}`);
    await answer(waiting[0], yes ? Accept : Reject);
    return {};
  },

  async followers({ as }) {
    return [...followers.get(as).keys()];
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
  async vote({ poll: id, choices, as = "ivan" }) {
    const question = await find(id, Question);
    const author = await question.getAttribution(ctx);
    if (!isActor(author)) throw new Error(`the author of ${id} is not an actor`);
    const sent = [];
    for (const choice of choices) {
      const note = new Note({
        id: fresh("votes"), attribution: idOf(as), to: author.id, name: choice, replyTarget: question.id,
      });
      const create = new Create({ id: new URL(`${note.id.href}/activity`), actor: idOf(as), to: author.id, object: note });
      await ctx.sendActivity({ identifier: as }, author, create);
      sent.push(create.id.href);
    }
    return { to: author.id.href, sent };
  },

  // A vote for one option of a question that was asked here.
  async votes({ poll: id, actor, choice, seconds = 8 }) {
    return await arrival(Create, async (create) => {
      if (create.actorId?.href !== actor) return null;
      for await (const note of create.getObjects()) {
        if (note.replyTargetId?.href === id && String(note.name) === choice && note.content === null) return { id: note.id.href };
      }
      return null;
    }, seconds);
  },

  // The Update that closes a poll.
  async closed({ poll: id, seconds }) {
    return await arrival(Update, async (update) => {
      const object = await update.getObject(ctx);
      if (!(object instanceof Question) || object.id?.href !== id || object.closed === null) return null;
      return { update: update.id?.href ?? null, actor: update.actorId.href, poll: await poll(object) };
    }, seconds);
  },

  // Somebody here says something.
  async post({ as = "ivan", text, summary, language, mention, hashtag, picture, visibility = "public", to = [], inReplyTo, choices, several, hold }) {
    const tags = [];
    if (mention) tags.push(new Mention({ href: new URL(mention.id), name: mention.name }));
    if (hashtag) tags.push(new Hashtag({ href: new URL(`/tags/${encodeURIComponent(hashtag)}`, origin), name: `#${hashtag}` }));
    const content = `<p>${text}</p>`;
    const type = choices ? Question : Note;
    const values = {
      id: fresh(choices ? "questions" : "notes"), attribution: idOf(as), ...addressed(as, visibility, to),
      contents: language ? [content, new LanguageString(content, language)] : [content],
      summary: summary ?? null, sensitive: Boolean(summary), published: Temporal.Now.instant(), tags,
      replyTarget: inReplyTo ? new URL(inReplyTo) : null,
      attachments: picture ? [new Document({ url: new URL("/icon.png", origin), mediaType: "image/png", name: picture })] : [],
    };
    if (choices) {
      values[several ? "inclusiveOptions" : "exclusiveOptions"] = options(choices);
      values.endTime = Temporal.Now.instant().add({ hours: 24 });
      values.voters = 0;
    }
    const object = new type(values);
    objects.set(object.id.href, { object, by: as, visibility, to, choices, several, isPublic: ["public", "unlisted"].includes(visibility), readers: new Set(to) });
    const create = new Create({ id: new URL(`${object.id.href}/activity`), actor: idOf(as), ...addressed(as, visibility, to), object });
    if (!hold) await send(as, create, to, visibility !== "direct");
    else activities.set(create.id.href, { activity: create, name: as, to, withFollowers: visibility !== "direct" });
    return { id: object.id.href, activity: create.id.href };
  },

  // The same post with another text, or a poll with other counts.
  async edit({ post: id, text, counts }) {
    const kept = objects.get(id);
    const updated = counts ? null : Temporal.Now.instant();
    const values = text ? { contents: [`<p>${text}</p>`], updated } : {};
    if (counts) {
      values[kept.several ? "inclusiveOptions" : "exclusiveOptions"] = options(kept.choices, counts);
      values.voters = counts.reduce((a, b) => a + b, 0);
    }
    kept.object = kept.object.clone(values);
    return await send(kept.by, new Update({
      id: fresh("updates"), actor: idOf(kept.by), ...addressed(kept.by, kept.visibility, kept.to), object: kept.object,
    }), kept.to, kept.visibility !== "direct");
  },

  async remove({ post: id, to = [] }) {
    const kept = objects.get(id);
    objects.delete(id);
    return await send(kept.by, new Delete({
      id: fresh("deletes"), actor: idOf(kept.by), tos: [PUBLIC_COLLECTION], object: new Tombstone({ id: new URL(id) }),
    }), [...kept.to, ...to], true);
  },

  // Sends an activity once more, or one that was held back.
  async again({ activity, to = [] }) {
    const known = activities.get(activity);
    return await send(known.name, known.activity, [...known.to, ...to], known.withFollowers);
  },

  // Any other activity about something: Like, EmojiReact, Announce, Flag, Block…
  async act({ as = "ivan", type, object, objects: several, to, content, isPublic, toFollowers }) {
    const activity = new vocab[type]({
      id: fresh(type.toLowerCase()), actor: idOf(as), objects: (several ?? [object]).map((one) => new URL(one)), content: content ?? null,
      tos: isPublic ? [PUBLIC_COLLECTION] : to.map((one) => new URL(one)),
      ccs: isPublic ? [ctx.getFollowersUri(as)] : [],
    });
    return await send(as, activity, to, toFollowers);
  },

  // A group passes on the activity itself (FEP-1b12).
  async relay({ as = "klub", activity, to = [] }) {
    return await send(as, new Announce({
      id: fresh("announces"), actor: idOf(as), tos: [PUBLIC_COLLECTION], ccs: [ctx.getFollowersUri(as)], object: activities.get(activity).activity,
    }), to, true);
  },

  async undo({ activity }) {
    const known = activities.get(activity);
    return await send(known.name, new Undo({
      id: fresh("undos"), actor: idOf(known.name), tos: known.activity.toIds, object: known.activity,
    }), known.to, known.withFollowers);
  },

  // Somebody here goes on elsewhere.
  async move({ as = "ivan", target }) {
    people[as].movedTo = target;
    return await send(as, new Move({
      id: fresh("moves"), actor: idOf(as), object: idOf(as), target: new URL(target), tos: [ctx.getFollowersUri(as)],
    }), [], true);
  },

  // Somebody here takes another name, or says that they are somebody elsewhere too.
  async profile({ as = "ivan", name, alias, to = [] }) {
    if (name) people[as].name = name;
    if (alias) people[as].aliases = [...(people[as].aliases ?? []), alias];
    people[as].keys = await ctx.getActorKeyPairs(as);
    if (!name) return {};
    return await send(as, new Update({
      id: fresh("updates"), actor: idOf(as), tos: [PUBLIC_COLLECTION], object: person(ctx, as),
    }), to, true);
  },

  // Waits for an activity, and tells what Fedify made of it.
  async arrived({ type, actor, object, containing, seconds = 15 }) {
    return await arrival(vocab[type], async (one) => {
      if (actor && one.actorId?.href !== actor) return null;
      const context = { documentLoader: await ctx.getDocumentLoader({ identifier: "ivan" }), contextLoader: ctx.contextLoader };
      const told = await understoodActivity(one, context);
      if (object && !told.objects.includes(object) && told.object?.id !== object && told.within?.id !== object) return null;
      if (containing && !told.object?.content?.includes(containing)) return null;
      return told;
    }, seconds);
  },

  // What a document on another server says, to somebody here or to nobody.
  async read({ url, as }) {
    const documentLoader = as ? await ctx.getDocumentLoader({ identifier: as }) : ctx.documentLoader;
    const { document } = await documentLoader(url);
    return { raw: document, post: await understoodPost(await vocab.Object.fromJsonLd(document, { documentLoader, contextLoader: ctx.contextLoader })) };
  },

  // Whether the object proof of a document holds, by Fedify's own judgement.
  async proven({ url }) {
    const { document } = await ctx.documentLoader(url);
    const found = await verifyObject(vocab.Object, document, { documentLoader: ctx.documentLoader, contextLoader: ctx.contextLoader });
    return { proven: found !== null, id: found?.id?.href ?? null };
  },

  // Delivers an activity of somebody else here, with a proof by its actor and
  // the signature of whoever delivers it; `spoilt` is a word that is changed
  // after the proof.
  async forward({ activity, as = "klub", inbox, spoilt }) {
    let body = await proven(activities.get(activity), as);
    if (spoilt) body = body.replace(spoilt, "Підміна");
    const [rsa] = await ctx.getActorKeyPairs(as);
    const request = new Request(inbox, { method: "POST", body, headers: { "content-type": "application/activity+json" } });
    const response = await fetch(await signRequest(request, rsa.privateKey, rsa.keyId));
    return { status: response.status };
  },

  // From now on this server turns away what is signed in one way.
  async refuse({ signature }) {
    settings.refuse = signature;
    return {};
  },

  // What went over the wire since the last question.
  async wire() {
    return wire.splice(0);
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
      const signature = signatureOf(headers);
      const seen = { way: "in", method: incoming.method, path: incoming.url, signature, status: 401 };
      wire.push(seen);
      if (incoming.method === "POST" && settings.refuse === signature) {
        outgoing.writeHead(401).end();
        return;
      }
      const hasBody = !["GET", "HEAD"].includes(incoming.method);
      if (hasBody) lastBody.set(`${origin}${incoming.url.replace(/\/inbox$/, "")}`, Buffer.concat(parts).toString());
      const request = new Request(new URL(incoming.url, `https://${incoming.headers.host}`), {
        method: incoming.method, headers, body: hasBody ? Buffer.concat(parts) : undefined,
      });
      const response = await federation.fetch(request, {
        contextData: undefined,
        onNotFound: () => new Response("not found", { status: 404 }),
        onNotAcceptable: () => new Response("ActivityPub only", { status: 406 }),
        onUnauthorized: () => new Response("not for you", { status: 401 }),
      });
      seen.status = response.status;
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
  await ctx.getActorKeyPairs("ivan");
  say({ ready: { address, actor: idOf("ivan").href, handle: `@ivan@${settings.host}` } });

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
