// What the two Node client programs share: the order of work, one JSON object on standard input, so
// that no credential is ever an argument; and the report, one JSON object on standard output.
//
// Order:  {url, headers, ca?, cert?, key?} or {command, args, env}   (files by path)
//         era: "legacy" | "auto" | "2026-07-28"                      (SDK v2 only)
//         calls: [{name, arguments, cancelAfterProgress?: N}]
//         answers: {content}          what its user fills into every form; absent: cannot be asked
//         others: [{method: "readResource" | "getPrompt" | …, params}]   (as the SDK calls them)
//         edit: {path, text}    a file of a tool set; `text` has EDIT in it
// Report: {protocolVersion, server, tools: [name], calls: [{result, progress} | {error, progress}],
//          others: [{result} | {error}], told: true where a change of the tools was told}
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { Agent, fetch as undiciFetch } from 'undici';

export const order = JSON.parse(readFileSync(0, 'utf8'));

/** Options of a StreamableHTTPClientTransport for the order's URL, headers and certificates. */
export function httpOptions() {
  const options = { requestInit: { headers: order.headers ?? {} } };
  if (order.ca) {
    const connect = { ca: readFileSync(order.ca) };
    if (order.cert) {
      connect.cert = readFileSync(order.cert);
      connect.key = readFileSync(order.key);
    }
    const dispatcher = new Agent({ connect });
    options.fetch = (url, init) => undiciFetch(url, { ...init, dispatcher });
  }
  return options;
}

/** What the client says it can be asked. */
export const capabilities = order.answers ? { elicitation: { form: {} } } : {};

/** The user: fills every form with the ordered answers. */
export const elicit = async () => ({ action: 'accept', content: order.answers });

/** Makes the ordered calls one by one; `call(params, {onprogress, signal})` is the SDK's. */
export async function makeCalls(call) {
  const reports = [];
  for (const { name, arguments: args, cancelAfterProgress } of order.calls ?? []) {
    const progress = [];
    const abort = new AbortController();
    const options = {
      signal: abort.signal,
      timeout: 60_000,
      onprogress: (update) => {
        progress.push(update);
        if (progress.length === cancelAfterProgress) abort.abort('cancelled by the test');
      },
    };
    try {
      reports.push({ result: await call({ name, arguments: args }, options), progress });
    } catch (error) {
      const told = { code: error.code ?? null, message: String(error.message ?? error) };
      reports.push({ error: told, progress });
    }
  }
  return reports;
}

/** Makes the other ordered requests one by one. */
export async function makeOthers(client) {
  const reports = [];
  for (const { method, params } of order.others ?? []) {
    try {
      reports.push({ result: await client[method](params) });
    } catch (error) {
      reports.push({ error: { code: error.code ?? null, message: String(error.message) } });
    }
  }
  return reports;
}

/** Edits the ordered file, each time otherwise, until `told` is aborted: a client that has just come
 * cannot know whether its stream is open yet. */
export async function editUntil(told) {
  for (let edit = 0; order.edit && !told.aborted; edit += 1) {
    writeFileSync(`${order.edit.path}.draft`, order.edit.text.replace('EDIT', String(edit)));
    renameSync(`${order.edit.path}.draft`, order.edit.path);
    await new Promise((done) => {
      const timer = setTimeout(done, 1000);
      told.addEventListener('abort', () => (clearTimeout(timer), done()), { once: true });
    });
  }
  return told.aborted;
}

export async function report(value) {
  await new Promise((done) => process.stdout.write(JSON.stringify(value) + '\n', done));
}
