// The official TypeScript SDK, version 1: legacy revisions, over Streamable HTTP or a command's
// standard input and output. Ends its session with DELETE where the server gave it one.
// Order and report: common.mjs.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema, ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import {
  capabilities, editUntil, elicit, httpOptions, makeCalls, makeOthers, order, report,
} from './common.mjs';

const { command, args, env } = order;
const transport = command
  ? new StdioClientTransport({ command, args, env, stderr: 'inherit' })
  : new StreamableHTTPClientTransport(new URL(order.url), httpOptions());
let protocolVersion;
transport.setProtocolVersion = ((inner) => (version) => {
  protocolVersion = version;
  inner?.call(transport, version);
})(transport.setProtocolVersion);

const client = new Client({ name: 'mcpgate-tests-sdk-v1', version: '1' }, { capabilities });
if (order.answers) client.setRequestHandler(ElicitRequestSchema, elicit);
const changed = new AbortController();
client.setNotificationHandler(ToolListChangedNotificationSchema, () => changed.abort());
await client.connect(transport);
const { tools } = await client.listTools();
const calls = await makeCalls((params, options) => client.callTool(params, undefined, options));
const others = await makeOthers(client);
const told = await editUntil(changed.signal);
const server = client.getServerVersion();
await transport.terminateSession?.();
await client.close();
const names = tools.map((tool) => tool.name);
await report({ protocolVersion, server, tools: names, calls, others, told });
process.exit(0);
