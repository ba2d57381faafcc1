import { join } from 'node:path';
import type { Peer } from './peer.ts';
import { programsOf, pythonWith } from './python.ts';

/** Its API; the chat path of its page costs several times as much. Installing takes minutes and 7 GB. */
export const openWebUi: Peer = {
  name: 'Open WebUI',
  install: async () => void (await pythonWith('open-webui', ['open-webui==0.12.4'])),
  serve: (port, upstream, folder) => ({
    command: [join(programsOf('open-webui'), 'open-webui'), 'serve', '--host', '127.0.0.1', '--port', `${port}`],
    env: {
      OFFLINE_MODE: 'true',
      HF_HUB_OFFLINE: '1',
      DATA_DIR: folder,
      WEBUI_SECRET_KEY: 'bench',
      OPENAI_API_BASE_URL: `${upstream}/v1`,
      OPENAI_API_KEY: 'none',
      ENABLE_OLLAMA_API: 'false',
    },
    path: '/api/chat/completions',
    isReady: async (address) => (await fetch(`${address}/health`)).ok,
  }),
  async signIn(address) {
    const reply = await fetch(`${address}/api/v1/auths/signup`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'bench', email: 'bench@example.org', password: 'bench-0123456789' }),
    });
    const { token } = (await reply.json()) as { token: string };
    await fetch(`${address}/api/models`, { headers: { authorization: `Bearer ${token}` } });
    return { key: token };
  },
};
