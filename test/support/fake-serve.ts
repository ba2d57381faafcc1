import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ApplicationDetails, ServeConfig, ServeDetails } from '../../src/adapters/ray/serve-api.ts';

export type FakeServeOptions = {
  /** What it says of the application that was put, one look after the other; the last is said from then on. */
  script?: readonly Partial<ApplicationDetails>[];
  /** What runs there before. */
  before?: Partial<ServeDetails>;
  token?: string;
  /** Instead of taking a configuration. */
  refusal?: { status: number; text: string };
};

export interface FakeServe extends AsyncDisposable {
  readonly url: string;
  /** Configurations that it took. */
  readonly taken: readonly ServeConfig[];
}

const EMPTY: ServeDetails = { http_options: null, proxy_location: null, applications: {} };

/** The REST API of Ray Serve, without a Serve: forms are those of Ray 2.60. */
export async function startFakeServe(options: FakeServeOptions = {}): Promise<FakeServe> {
  const taken: ServeConfig[] = [];
  const { script = [{ status: 'RUNNING' }], before = {}, token, refusal } = options;
  let looks = 0;
  const details = (): ServeDetails => {
    const config = taken.at(-1);
    if (!config) return { ...EMPTY, ...before };
    const state = script[Math.min(looks++, script.length - 1)]!;
    const applications = config.applications.map((application) => [
      application.name,
      {
        status: 'RUNNING',
        message: '',
        route_prefix: application.route_prefix,
        deployed_app_config: application,
        deployments: {},
        ...(application === config.applications.at(-1) && state),
      },
    ]);
    return { ...config, applications: Object.fromEntries(applications) };
  };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const bytes of request.setEncoding('utf8')) body += bytes;
    const answer = (status: number, text: string) => response.writeHead(status).end(text);
    if (token && request.headers.authorization !== `Bearer ${token}`) return answer(401, 'Unauthorized');
    if (request.url !== '/api/serve/applications/') return answer(404, '404: Not Found');
    if (request.method === 'GET') return answer(200, JSON.stringify(details()));
    if (refusal) return answer(refusal.status, refusal.text);
    taken.push(JSON.parse(body) as ServeConfig);
    answer(200, '');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    taken,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
