import type { Operation } from './openapi-document.ts';

type Json = Record<string, unknown>;

/** A call that works as written, once `$API_KEY` is set. */
export function curlOf(method: string, path: string, operation: Operation): string {
  const parameters = (operation.parameters ?? []) as { name: string; in: string; example?: string }[];
  const exampleOf = (name: string) => parameters.find((parameter) => parameter.name === name)?.example ?? name;
  const query = parameters
    .filter((parameter) => parameter.in === 'query' && parameter.example !== undefined)
    .map(({ name, example }) => `${name}=${encodeURIComponent(example ?? '')}`)
    .join('&');
  const address = `http://127.0.0.1:8001${path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => exampleOf(name))}`;
  const json = operation.requestBody?.content as Record<string, Json> | undefined;
  const body = json?.['application/json']?.example;
  const streams =
    '200' in operation.responses && 'text/event-stream' in ((operation.responses[200]?.content as Json) ?? {});
  const ordinary = body === undefined ? 'GET' : 'POST';
  return [
    [
      'curl',
      streams ? '-N' : '',
      method === ordinary ? '' : `-X ${method}`,
      quote(query ? `${address}?${query}` : address),
    ]
      .filter(Boolean)
      .join(' '),
    operation.security.length > 0 ? '-H "X-API-Key: $API_KEY"' : '',
    body === undefined ? '' : '-H "Content-Type: application/json"',
    body === undefined ? '' : `-d '${JSON.stringify(body).replaceAll("'", "'\\''")}'`,
  ]
    .filter(Boolean)
    .join(' \\\n  ');
}

const quote = (address: string): string => (/[?&]/.test(address) ? `"${address}"` : address);
