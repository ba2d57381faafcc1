import react from '@vitejs/plugin-react';
import { defineConfig, type UserConfig } from 'vite';
import { keepFiles } from './keep-files.ts';

/** `vite --config web/vite.config.ts` proxies to a server started with `npm start`, for work on the page. */
const API = [
  '/users',
  '/generations',
  '/models',
  '/endpoints',
  '/local-models',
  '/session',
  '/health',
  '/stream',
  '/shares',
];

export default defineConfig(({ command }) => {
  // Whoever asks, a test run for one: the page is built with React's production form.
  if (command === 'build') process.env.NODE_ENV = 'production';
  return CONFIG;
});

const CONFIG: UserConfig = {
  root: import.meta.dirname,
  base: '/',
  plugins: [react(), keepFiles()],
  worker: { format: 'es' },
  build: {
    outDir: '../dist/page',
    emptyOutDir: true,
    target: ['chrome123', 'firefox120', 'safari17.5'],
    // The policy of the page allows no data: scripts or styles; small files stay files.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // What is loaded first is one file: cut up for the sake of what comes later, it compresses worse.
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: 'first', tags: ['$initial'] }] } } },
  },
  server: { proxy: Object.fromEntries(API.map((path) => [path, 'http://127.0.0.1:8001'])) },
};
