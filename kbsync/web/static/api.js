// The service's answers, and its stream.

export async function ask(path, query = {}, signal = undefined) {
  const words = new URLSearchParams(Object.entries(query).filter(([, value]) => value));
  return answer(fetch(`api/${path}${words.size ? `?${words}` : ""}`, { signal }));
}

export async function act(what, told) {
  const headers = { "Content-Type": "application/json" };
  return answer(fetch(`api/${what}`, { method: "POST", headers, body: JSON.stringify(told) }));
}

async function answer(asked) {
  let response;
  try {
    response = await asked;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The service does not answer.");
  }
  if (response.ok) return response.json();
  const told = await response.json().catch(() => ({}));
  throw new Error(told.error ?? `The service answered ${response.status}.`);
}

// A browser gives up for good on some errors, and the service may be restarted: go on for ever.
export function listen(handlers, connected) {
  const stream = new EventSource("api/events");
  for (const [kind, handle] of Object.entries(handlers)) {
    stream.addEventListener(kind, (message) => handle(JSON.parse(message.data)));
  }
  stream.onopen = () => connected(true);
  stream.onerror = () => {
    connected(false);
    if (stream.readyState !== EventSource.CLOSED) return;
    setTimeout(() => listen(handlers, connected), 3000);
  };
}
