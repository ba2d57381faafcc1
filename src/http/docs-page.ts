import type { FastifyInstance } from 'fastify';
import { ERRORS, type ErrorCode } from '../protocol/errors.ts';
import { curlOf } from './curl-example.ts';
import { DOCS_STYLE } from './docs-style.ts';
import { escapeHtml as esc, inlineHtml, paragraphs } from './html-text.ts';
import type { OpenApi, Operation } from './openapi-document.ts';
import { fieldsTable, schemaName, typeOf } from './schema-html.ts';
import { DOCS_CSP } from './security-headers.ts';

type Json = Record<string, unknown>;
type Entry = { method: string; path: string; operation: Operation };

/** The reference: one page made from the OpenAPI document, without scripts and without the network. */
export function serveDocs(app: FastifyInstance, document: OpenApi): void {
  const html = renderDocs(document);
  app.get('/docs', (_request, reply) =>
    reply
      .headers({ 'content-security-policy': DOCS_CSP, 'cache-control': 'no-cache' })
      .type('text/html; charset=utf-8')
      .send(html),
  );
  app.get('/docs.css', (_request, reply) =>
    reply.header('cache-control', 'no-cache').type('text/css; charset=utf-8').send(DOCS_STYLE),
  );
}

export function renderDocs(document: OpenApi): string {
  const entries = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]): Entry => ({ method: method.toUpperCase(), path, operation })),
  );
  const groups = document.tags.map(({ name, description }) => ({
    name,
    description,
    entries: entries.filter(({ operation }) => operation.tags[0] === name),
  }));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${esc(document.info.title)} API reference</title>
<link rel="stylesheet" href="/docs.css">
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<nav aria-label="Contents">
<a class="brand" href="/docs">${esc(document.info.title)} <span>API ${esc(document.info.version)}</span></a>
<ul class="top"><li><a href="#about">Before you begin</a></li></ul>
${groups.map(({ name, entries: own }) => navigation(name, own)).join('\n')}
<ul class="top"><li><a href="#errors">Errors</a></li><li><a href="#schemas">Schemas</a></li><li><a href="/openapi.json">OpenAPI document</a></li></ul>
</nav>
<main id="main">
<header id="about">
<h1>${esc(document.info.title)} API</h1>
${paragraphs(document.info.description)}
<figure><figcaption>A first answer</figcaption><pre tabindex="0"><code>${esc(FIRST_CALL)}</code></pre></figure>
</header>
${groups.map((group) => `<section aria-labelledby="${slug(group.name)}"><h2 id="${slug(group.name)}">${esc(group.name)}</h2>${paragraphs(group.description)}${group.entries.map((entry) => article(entry, document)).join('')}</section>`).join('\n')}
${errorsSection()}
${schemasSection(document)}
</main>
</body>
</html>
`;
}

const FIRST_CALL = `curl http://127.0.0.1:8001/chat \\
  -H "X-API-Key: $API_KEY" -H "Content-Type: application/json" \\
  -d '{"user_id":"ada","message":"What is the capital of France?"}'`;

const slug = (name: string): string => `group-${name.toLowerCase()}`;

function navigation(name: string, entries: readonly Entry[]): string {
  const items = entries.map(
    ({ method, operation }) =>
      `<li><a href="#${operation.operationId}"><b class="verb ${method.toLowerCase()}">${method}</b> ${inlineHtml(operation.summary)}</a></li>`,
  );
  return `<h2><a href="#${slug(name)}">${esc(name)}</a></h2><ul>${items.join('')}</ul>`;
}

function article({ method, path, operation }: Entry, document: OpenApi): string {
  const { operationId: id, summary, description, parameters = [], requestBody, security } = operation;
  const codes = Object.values(operation.responses).flatMap((each) => (each['x-error-codes'] ?? []) as ErrorCode[]);
  const body = jsonContent(requestBody)?.schema as Json | undefined;
  return `<article id="${id}">
<h3><a href="#${id}">${inlineHtml(summary)}</a></h3>
<p class="address"><b class="verb ${method.toLowerCase()}">${method}</b> <code>${esc(path).replaceAll(/\{\w+\}/g, '<var>$&</var>')}</code>${security.length === 0 ? ' <span class="open">no key needed</span>' : ''}</p>
<div class="columns"><div class="words">
${paragraphs(description)}
${parameters.length > 0 ? `<h4>Parameters</h4>${parametersTable(parameters)}` : ''}
${body ? `<h4>Body</h4>${bodyHtml(body, document)}` : ''}
<h4>Answers</h4>${answersHtml(operation)}
<details><summary>Errors it may answer with (${codes.length})</summary><p class="codes">${codes.map((code) => `<a href="#error-${code}"><code>${code}</code></a>`).join(' ')}</p></details>
</div><div class="code">
<figure><figcaption>Request</figcaption><pre tabindex="0"><code>${esc(curlOf(method, path, operation))}</code></pre></figure>
${examplesHtml(operation)}
</div></div>
</article>`;
}

function parametersTable(parameters: readonly Json[]): string {
  const rows = parameters.map((parameter) => ({
    name: String(parameter.name),
    required: parameter.required === true,
    schema: { ...(parameter.schema as Json), description: parameter.description },
    note: String(parameter.in),
  }));
  return fieldsTable(rows);
}

function bodyHtml(schema: Json, document: OpenApi): string {
  const name = schemaName(schema);
  const resolved = name ? (document.components.schemas[name] ?? schema) : schema;
  if (resolved.anyOf) return `<p>One of ${typeOf(resolved)}.</p>`;
  const required = new Set((resolved.required as string[] | undefined) ?? []);
  const properties = Object.entries((resolved.properties as Record<string, Json> | undefined) ?? {});
  return fieldsTable(
    properties.map(([field, inner]) => ({ name: field, required: required.has(field), schema: inner })),
  );
}

function answersHtml(operation: Operation): string {
  const successes = Object.entries(operation.responses).filter(([status]) => Number(status) < 400);
  const items = successes.map(([status, response]) => {
    const content = contentOf(response);
    const shape =
      content && content.type === 'application/json'
        ? ` ${typeOf(content.schema as Json)}`
        : content
          ? ` <code>${esc(content.type)}</code>`
          : '';
    return `<li><b class="status">${status}</b> ${inlineHtml(String(response.description))}<span class="shape">${shape}</span></li>`;
  });
  return `<ul class="answers">${items.join('')}</ul>`;
}

function examplesHtml(operation: Operation): string {
  return Object.entries(operation.responses)
    .flatMap(([status, response]) => {
      const example = contentOf(response)?.example;
      if (example === undefined) return [];
      const text = typeof example === 'string' ? example : JSON.stringify(example, null, 2);
      return [
        `<figure><figcaption>Answer ${status}</figcaption><pre tabindex="0"><code>${esc(text)}</code></pre></figure>`,
      ];
    })
    .join('');
}

function contentOf(response: Json): { type: string; schema?: unknown; example?: unknown } | null {
  const [first] = Object.entries((response.content as Record<string, Json> | undefined) ?? {});
  return first ? { type: first[0], ...first[1] } : null;
}

function jsonContent(holder: Json | undefined): Json | undefined {
  return (holder?.content as Record<string, Json> | undefined)?.['application/json'];
}

function errorsSection(): string {
  const rows = Object.entries(ERRORS).map(
    ([code, { status, message, help }]) =>
      `<tr id="error-${code}"><th scope="row"><code>${code}</code></th><td class="status">${status}</td><td>${inlineHtml(message)} <span class="soft">${inlineHtml(help)}</span></td></tr>`,
  );
  return `<section aria-labelledby="errors"><h2 id="errors">Errors</h2><p>Each is <code>{"error":{"code","message","request_id","details"}}</code> with the status below.</p><div class="scroll"><table class="errors"><thead><tr><th scope="col">Code</th><th scope="col">Status</th><th scope="col">Meaning</th></tr></thead><tbody>${rows.join('')}</tbody></table></div></section>`;
}

function schemasSection(document: OpenApi): string {
  const schemas = Object.entries(document.components.schemas).sort(([a], [b]) => (a < b ? -1 : 1));
  const each = schemas.map(
    ([name, schema]) =>
      `<article id="schema-${name}"><h3><a href="#schema-${name}">${esc(name)}</a></h3>${paragraphs(String(schema.description ?? ''))}${bodyHtml(schema, document)}</article>`,
  );
  return `<section class="schemas" aria-labelledby="schemas"><h2 id="schemas">Schemas</h2>${each.join('')}</section>`;
}
