import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Peer } from './peer.ts';
import { programsOf, pythonWith } from './python.ts';

const PROGRAM = fileURLToPath(new URL('./fastapi_openai.py', import.meta.url));
const PACKAGES = ['fastapi==0.165.0', 'openai==3.54.0', 'uvicorn', 'uvloop', 'httptools'];

export const fastApi: Peer = {
  name: 'FastAPI + openai',
  install: async () => void (await pythonWith('fastapi', PACKAGES)),
  serve: (port, upstream) => ({
    command: [join(programsOf('fastapi'), 'python'), PROGRAM],
    env: { PORT: `${port}`, UPSTREAM: upstream },
    isReady: async (address) => (await fetch(`${address}/health`)).ok,
  }),
};
