import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Peer } from './peer.ts';
import { programsOf, pythonWith } from './python.ts';

const KEY = 'sk-bench-0123456789abcdef0123456789abcdef';

export const liteLlm: Peer = {
  name: 'LiteLLM',
  install: async () => void (await pythonWith('litellm', ['litellm[proxy]==1.106.2'])),
  serve(port, upstream, folder) {
    const config = join(folder, 'config.yaml');
    const parameters = { model: 'openai/bench', api_base: `${upstream}/v1`, api_key: 'none' };
    writeFileSync(
      config,
      JSON.stringify({
        model_list: [{ model_name: 'bench', litellm_params: parameters }],
        general_settings: { master_key: KEY },
      }),
    );
    return {
      command: [join(programsOf('litellm'), 'litellm'), '--config', config, '--host', '127.0.0.1', '--port', `${port}`],
      // Else it asks the network for prices.
      env: { LITELLM_LOCAL_MODEL_COST_MAP: 'True' },
      key: KEY,
      isReady: async (address) => (await fetch(`${address}/health/liveliness`)).ok,
    };
  },
};
