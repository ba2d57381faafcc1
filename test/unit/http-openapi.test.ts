import type { TSchema } from 'typebox';
import { Errors } from 'typebox/value';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { renderDocs } from '../../src/http/docs-page.ts';
import { buildOpenApi } from '../../src/http/openapi.ts';
import { errorsOf } from '../../src/http/route.ts';
import { routeTable } from '../../src/http/route-table.ts';
import { ERRORS } from '../../src/protocol/errors.ts';
import { DEFAULT_REQUEST_LIMITS } from '../../src/protocol/requests.ts';
import { askAs, codeOf, MATRIX, type Owned } from '../support/access-matrix.ts';
import { call } from '../support/http-client.ts';
import { KEY, type MemoryStack, startMemoryStack } from '../support/memory-stack.ts';
import { MODEL } from '../support/scripted-inference.ts';

const ROUTES = routeTable(DEFAULT_REQUEST_LIMITS);
const DOCUMENT = buildOpenApi(ROUTES, '1.2.3');
const name = (route: { method: string; path: string }) => `${route.method} ${route.path}`;

describe('the OpenAPI document', () => {
  test('has every route once, with all that a reader needs', () => {
    expect(new Set(ROUTES.map(name)).size).toBe(ROUTES.length);
    expect(new Set(ROUTES.map(({ id }) => id)).size).toBe(ROUTES.length);
    for (const route of ROUTES) {
      expect(route.summary.length, name(route)).toBeGreaterThan(5);
      expect(route.description.length, name(route)).toBeGreaterThan(5);
      const inPath = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter!);
      expect(Object.keys(route.params?.properties ?? {}), name(route)).toEqual(inPath);
      expect(Object.keys(route.example.params ?? {}), name(route)).toEqual(inPath);
    }
  });

  test('holds examples that its own schemas accept', () => {
    for (const route of ROUTES) {
      if (route.body) expect([...Errors(route.body, route.example.body)], `${name(route)} body`).toEqual([]);
      for (const [status, { schema, example }] of Object.entries(route.responses)) {
        if (!schema || (route.id === 'getOpenApi' && example === undefined)) continue;
        expect([...Errors(schema, example)], `${name(route)} ${status}`).toEqual([]);
      }
    }
  });

  test('refers to nothing that it lacks, and has no name twice for different things', () => {
    const text = JSON.stringify(DOCUMENT);
    const named = [...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, schema]) => schema!);
    for (const schema of named) expect(DOCUMENT.components.schemas).toHaveProperty(schema);
    const once = ['Receipt', 'Conversation', 'Message', 'Generation', 'ChatRequest', 'Error'];
    for (const schema of once) expect(named).toContain(schema);
    expect(text).not.toMatch(/undefined|\[object/);
  });

  test('lists each error that can come, and none that the catalogue lacks', () => {
    for (const route of ROUTES) {
      for (const code of errorsOf(route)) expect(ERRORS).toHaveProperty(code);
      const operation = DOCUMENT.paths[route.path]![route.method.toLowerCase()]!;
      const documented = Object.values(operation.responses).flatMap(
        (each) => (each['x-error-codes'] ?? []) as string[],
      );
      expect(documented.sort()).toEqual([...errorsOf(route)].sort());
    }
  });

  describe('is what the server does', () => {
    let stack: MemoryStack;
    let owned: Owned;
    beforeAll(async () => {
      stack = await startMemoryStack();
      const { json } = await call(stack.url, 'POST', '/chat', {
        key: KEY,
        body: { user_id: 'owner', message: 'think Hm.|say the secret' },
      });
      const { items } = (await call(stack.url, 'GET', '/users/owner/conversations/1/messages', { key: KEY })).json;
      owned = {
        user_id: 'owner',
        number: json.conversation_id,
        messageId: items[0].id,
        generationId: items[0].id,
        model: MODEL,
      };
    });
    afterAll(() => stack[Symbol.asyncDispose]());

    test.each(Object.keys(MATRIX))('%s', async (id) => {
      const route = ROUTES.find((each) => each.id === id)!;
      const { reply } = await askAs(stack.url, route, { name: 'owner', key: KEY }, owned);
      const response = route.responses[reply.status];
      if (!response) {
        expect(errorsOf(route)).toContain(codeOf(reply));
        return;
      }
      const isJson = reply.headers.get('content-type')?.startsWith('application/json');
      if (isJson) {
        expect(response.schema).toBeDefined();
        expect([...Errors(response.schema as TSchema, reply.json)]).toEqual([]);
      }
      expect(reply.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
      expect(reply.headers.get('x-content-type-options')).toBe('nosniff');
      expect(reply.headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(reply.headers.get('cache-control')).toMatch(/no-store|no-cache/);
    });

    test('and it is served, as is the page made from it', async () => {
      const served = await call(stack.url, 'GET', '/openapi.json');
      expect(served.json.openapi).toBe('3.1.0');
      expect(Object.keys(served.json.paths)).toEqual(Object.keys(DOCUMENT.paths));
      const docs = await call(stack.url, 'GET', '/docs');
      expect(docs.status).toBe(200);
      expect(docs.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(docs.headers.get('content-security-policy')).not.toContain('unsafe');
      const style = await call(stack.url, 'GET', '/docs.css');
      expect(style.headers.get('content-type')).toBe('text/css; charset=utf-8');
    });
  });
});

describe('the reference page', () => {
  const html = renderDocs(DOCUMENT);

  test('shows every route and every error code, under an address of its own', () => {
    for (const { id, path } of ROUTES) {
      expect(html).toContain(`<article id="${id}">`);
      expect(html.replaceAll(/<\/?var>/g, '')).toContain(`<code>${path}</code>`);
    }
    for (const code of Object.keys(ERRORS)) expect(html).toContain(`id="error-${code}"`);
  });

  test('leads nowhere that it does not have', () => {
    const ids = new Set([...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));
    expect(ids.size).toBe([...html.matchAll(/ id="([^"]+)"/g)].length);
    for (const [, target] of html.matchAll(/href="#([^"]+)"/g)) expect(ids).toContain(target);
  });

  test('asks nobody else for anything, and runs nothing', () => {
    expect(html).not.toMatch(/<script|style="|\son\w+="|https?:\/\/(?!127\.0\.0\.1)/);
    expect([...html.matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, address]) => address)).toEqual([
      '/docs.css',
      '/docs',
      '/openapi.json',
    ]);
  });

  test('shows text as text', () => {
    const [route] = ROUTES;
    const document = buildOpenApi([{ ...route!, summary: '<img src=x onerror=alert(1)>' }], '1"><script>');
    const rendered = renderDocs(document);
    expect(rendered).not.toContain('<img');
    expect(rendered).not.toContain('<script');
  });
});
