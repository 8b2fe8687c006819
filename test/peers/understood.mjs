// What Fedify made of an object or an activity, as plain data for the test.

async function all(items) {
  const list = [];
  for await (const item of items) if (item) list.push(item);
  return list;
}

const href = (url) => url?.href ?? null;
const text = (value) => (value === null || value === undefined ? null : String(value));
const language = (value) => text(value?.language?.compact?.() ?? value?.locale ?? null);

// A poll as Fedify understands it; `count` is null where nothing is told.
export async function poll(question) {
  const one = await all(question.getExclusiveOptions());
  const several = await all(question.getInclusiveOptions());
  const options = [];
  for (const option of one.length ? one : several) {
    const replies = await option.getReplies();
    options.push({ name: String(option.name), count: replies?.totalItems ?? null });
  }
  return {
    id: question.id.href,
    name: text(question.name),
    content: text(question.content),
    attributedTo: href(question.attributionId),
    multiple: several.length > 0,
    options,
    voters: question.voters,
    endTime: text(question.endTime),
    closed: text(question.closed),
  };
}

// A note or whatever else is said; null where it could not be had.
export async function post(object) {
  if (!object) return null;
  const tags = object.getTags ? await all(object.getTags()) : [];
  const attachments = object.getAttachments ? await all(object.getAttachments()) : [];
  return {
    type: object.constructor.name,
    id: href(object.id),
    attributedTo: href(object.attributionId),
    inReplyTo: href(object.replyTargetId),
    name: text(object.name),
    content: text(object.content),
    languages: (object.contents ?? []).map(language).filter(Boolean),
    summary: text(object.summary),
    sensitive: object.sensitive ?? null,
    published: text(object.published),
    updated: text(object.updated),
    to: (object.toIds ?? []).map(href),
    cc: (object.ccIds ?? []).map(href),
    tags: tags.map((tag) => ({ type: tag.constructor.name, name: text(tag.name), href: href(tag.href) })),
    attachments: attachments.map((one) => ({
      type: one.constructor.name, mediaType: text(one.mediaType), url: href(one.url?.href ?? one.url), name: text(one.name),
    })),
    movedTo: href(object.successorId),
    alsoKnownAs: (object.aliasIds ?? []).map(href),
    username: text(object.preferredUsername),
  };
}

// An activity; its object is fetched where only its address is told.
export async function activity(one, context) {
  let object = null;
  let within = null;
  try {
    object = await one.getObject(context);
    if (object?.getObject) within = await object.getObject(context);
  } catch {
    // A link that leads nowhere for us: the test sees only its id.
  }
  return {
    type: one.constructor.name,
    id: href(one.id),
    actor: href(one.actorId),
    objects: (one.objectIds ?? []).map(href),
    target: href(one.targetId),
    content: text(one.content),
    to: (one.toIds ?? []).map(href),
    cc: (one.ccIds ?? []).map(href),
    object: await post(object),
    within: await post(within),
  };
}
