import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, rawCall } from '../support/http-client.ts';
import { type MemoryStack, startMemoryStack } from '../support/memory-stack.ts';

describe('the page', () => {
  let folder: string;
  let stack: MemoryStack;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'page-'));
    await mkdir(join(folder, 'page', 'assets'), { recursive: true });
    await writeFile(join(folder, 'secret.txt'), 'outside');
    await writeFile(join(folder, 'page', 'index.html'), '<!doctype html><title>page</title>');
    await writeFile(join(folder, 'page', 'favicon.svg'), '<svg/>');
    await writeFile(join(folder, 'page', 'assets', 'index-4f2a.js'), 'export {};');
    stack = await startMemoryStack({ options: { page: join(folder, 'page') } });
  });
  afterAll(async () => {
    await stack[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  test('is at the root and at every conversation, without a key, under a strict policy', async () => {
    for (const path of ['/', '/c/7', '/c/7?x=1', '/s/7', '/index.html']) {
      const { status, text, headers } = await call(stack.url, 'GET', path);
      expect(status, path).toBe(200);
      expect(text).toContain('<title>page</title>');
      expect(headers.get('content-type')).toMatch(/^text\/html/);
      expect(headers.get('cache-control')).toBe('no-cache');
      expect(headers.get('content-security-policy')).toBe(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      );
    }
  });

  test('its assets never change, its other files may', async () => {
    const asset = await call(stack.url, 'GET', '/assets/index-4f2a.js');
    expect(asset.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(asset.headers.get('content-type')).toMatch(/javascript/);
    expect(asset.headers.get('x-content-type-options')).toBe('nosniff');
    expect((await call(stack.url, 'GET', '/favicon.svg')).headers.get('cache-control')).toBe('no-cache');
  });

  test('stands in for nothing else', async () => {
    for (const path of ['/assets/missing.js', '/c', '/c/7/8', '/nothing', '/assets/']) {
      const { status, json } = await call(stack.url, 'GET', path);
      expect([status, json?.error.code], path).toEqual([404, 'not_found']);
    }
  });

  test.each([
    '/../secret.txt',
    '/assets/../../secret.txt',
    '/%2e%2e/secret.txt',
    '/assets/%2e%2e%2f%2e%2e%2fsecret.txt',
    '/..%5csecret.txt',
  ])('%s does not lead outside', async (path) => {
    const { status, text } = await rawCall(stack.port, 'GET', path, {});
    expect(status).toBe(404);
    expect(text).not.toContain('outside');
  });
});
