// The official TypeScript SDK, version 2, in the era that the order names: pinned to 2026-07-28, by
// probing (auto), or legacy. Order and report: common.mjs.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import {
  capabilities, editUntil, elicit, httpOptions, makeCalls, makeOthers, order, report,
} from './common.mjs';

const mode = /^\d/.test(order.era) ? { pin: order.era } : order.era;
const transport = new StreamableHTTPClientTransport(new URL(order.url), httpOptions());
const client = new Client(
  { name: 'mcpgate-tests-sdk-v2', version: '1' },
  { capabilities, versionNegotiation: { mode } },
);
if (order.answers) client.setRequestHandler('elicitation/create', elicit);
const changed = new AbortController();
client.setNotificationHandler('notifications/tools/list_changed', () => changed.abort());
await client.connect(transport);
const protocolVersion = client.getNegotiatedProtocolVersion();
const listens = order.edit && protocolVersion >= '2026';
const subscription = listens ? await client.listen({ toolsListChanged: true }) : undefined;
const { tools } = await client.listTools();
const calls = await makeCalls((params, options) => client.callTool(params, options));
const others = await makeOthers(client);
const told = await editUntil(changed.signal);
await subscription?.close();
const server = client.getServerVersion();
await client.close();
const names = tools.map((tool) => tool.name);
await report({ protocolVersion, server, tools: names, calls, others, told });
process.exit(0);
