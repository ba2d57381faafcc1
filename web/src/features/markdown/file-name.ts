const EXTENSIONS: Readonly<Record<string, string>> = {
  bash: 'sh',
  'c++': 'cpp',
  csharp: 'cs',
  elixir: 'ex',
  golang: 'go',
  haskell: 'hs',
  javascript: 'js',
  kotlin: 'kt',
  latex: 'tex',
  makefile: 'mk',
  markdown: 'md',
  mermaid: 'mmd',
  perl: 'pl',
  postgresql: 'sql',
  powershell: 'ps1',
  protobuf: 'proto',
  python: 'py',
  ruby: 'rb',
  rust: 'rs',
  shell: 'sh',
  text: 'txt',
  typescript: 'ts',
  yaml: 'yml',
};

/** What a code block is called once it is a file. */
export function fileNameOf(language: string): string {
  const name = language.toLowerCase();
  if (name === 'dockerfile') return 'Dockerfile';
  return `code.${EXTENSIONS[name] ?? (/^[a-z\d]{1,6}$/.test(name) ? name : 'txt')}`;
}
