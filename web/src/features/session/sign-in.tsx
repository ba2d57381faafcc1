import { useId, useState } from 'react';
import { ApiError } from '../../../../client/api-error.ts';
import { client } from '../../data/client.ts';
import { errorInWords } from '../../data/in-words.ts';
import { queryClient } from '../../data/query-client.ts';
import { Button } from '../../ui/button.tsx';
import { words } from './words.ts';

export function SignIn() {
  const [key, setKey] = useState('');
  const [state, setState] = useState<{ kind: 'idle' } | { kind: 'busy' } | { kind: 'failed'; words: string }>({
    kind: 'idle',
  });
  const field = useId();
  async function signIn(): Promise<void> {
    setState({ kind: 'busy' });
    try {
      await client.signIn(key.trim());
      await queryClient.resetQueries();
    } catch (error) {
      const unknown = error instanceof ApiError && (error.status === 401 || error.status === 400);
      setState({ kind: 'failed', words: unknown ? words.unknownKey : errorInWords(error) });
    }
  }
  return (
    <main className="session-card">
      <h1>{words.signIn}</h1>
      <p>{words.asksOnce}</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (key.trim()) void signIn();
        }}
      >
        <label htmlFor={field}>{words.apiKey}</label>
        <input
          id={field}
          type="password"
          className="dialog-field"
          autoComplete="current-password"
          value={key}
          onChange={(event) => setKey(event.target.value)}
        />
        {state.kind === 'failed' && (
          <p className="session-error" role="alert">
            {state.words}
          </p>
        )}
        <Button tone="primary" type="submit" disabled={!key.trim() || state.kind === 'busy'}>
          {words.signIn}
        </Button>
      </form>
    </main>
  );
}
