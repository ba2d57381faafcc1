import { type FormEvent, useState } from 'react';
import { ApiError } from '../../../../client/api-error.ts';
import type { TriedEndpointResource } from '../../../../src/protocol/model-admin.ts';
import { durationInWords, errorInWords } from '../../data/in-words.ts';
import { Button } from '../../ui/button.tsx';
import { models, modelsChanged } from './model-admin.ts';
import { words } from './words.ts';

/** Of a server with more, a person chooses. */
const ALL_AT_MOST = 8;

type Outcome =
  | { kind: 'none' }
  | { kind: 'busy' }
  | { kind: 'wrong'; words: string }
  | { kind: 'answers'; tried: TriedEndpointResource };

/** The server is asked first; what it has is there to be chosen, and only then is it kept. */
export function EndpointForm() {
  const [address, setAddress] = useState('');
  const [key, setKey] = useState('');
  const [outcome, setOutcome] = useState<Outcome>({ kind: 'none' });
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const at = { address: address.trim(), ...(key.trim() && { key: key.trim() }) };
  const tried = outcome.kind === 'answers' ? outcome.tried : null;

  async function attempt(run: () => Promise<Outcome>): Promise<void> {
    setOutcome({ kind: 'busy' });
    setOutcome(await run().catch((error: unknown): Outcome => ({ kind: 'wrong', words: whatIsWrong(error) })));
  }

  function submit(event: FormEvent): void {
    event.preventDefault();
    if (outcome.kind === 'busy' || at.address === '') return;
    void attempt(async () => {
      if (tried === null) {
        const found = await models.tryEndpoint(at);
        setChosen(found.models.length <= ALL_AT_MOST ? found.models : []);
        return { kind: 'answers', tried: found };
      }
      await models.addEndpoint({ ...at, models: chosen });
      setAddress('');
      setKey('');
      await modelsChanged();
      return { kind: 'none' };
    });
  }

  const changed = (set: (text: string) => void) => (event: { target: { value: string } }) => {
    set(event.target.value);
    setOutcome({ kind: 'none' });
  };
  return (
    <form className="models-form" onSubmit={submit}>
      <h3>{words.addServer}</h3>
      <p className="models-faint">{words.addWhat}</p>
      <label>
        <span>{words.address}</span>
        <input
          className="dialog-field"
          dir="ltr"
          value={address}
          placeholder="http://localhost:11434"
          inputMode="url"
          autoCapitalize="none"
          autoComplete="off"
          spellCheck={false}
          onChange={changed(setAddress)}
        />
      </label>
      <label>
        <span>{words.key}</span>
        <input
          className="dialog-field"
          dir="ltr"
          type="password"
          value={key}
          autoComplete="off"
          onChange={changed(setKey)}
          aria-describedby="models-key"
        />
      </label>
      <p className="models-faint" id="models-key">
        {words.keyWhat}
      </p>
      <div role="status">
        {tried && (
          <p className="models-good">
            {words.answers({ count: tried.models.length, time: durationInWords(tried.ms) })}
          </p>
        )}
      </div>
      {tried && <Choice tried={tried} chosen={chosen} onChoose={setChosen} />}
      {outcome.kind === 'wrong' && (
        <p className="models-bad" role="alert">
          {outcome.words}
        </p>
      )}
      <div className="models-buttons">
        <Button
          type="submit"
          disabled={outcome.kind === 'busy' || at.address === '' || (tried !== null && chosen.length === 0)}
        >
          {tried ? words.add({ count: chosen.length }) : outcome.kind === 'busy' ? words.trying : words.tryIt}
        </Button>
      </div>
    </form>
  );
}

type ChoiceProps = {
  tried: TriedEndpointResource;
  chosen: readonly string[];
  onChoose(models: readonly string[]): void;
};

function Choice({ tried, chosen, onChoose }: ChoiceProps) {
  return (
    <fieldset className="models-choice">
      <legend>{words.chooseSome}</legend>
      {tried.models.map((model) => (
        <label key={model}>
          <input
            type="checkbox"
            checked={chosen.includes(model)}
            onChange={({ target }) =>
              onChoose(target.checked ? [...chosen, model] : chosen.filter((each) => each !== model))
            }
          />
          <span dir="ltr">{model}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** With what the server found out about it. */
function whatIsWrong(error: unknown): string {
  const { reason, address } = error instanceof ApiError ? (error.details ?? {}) : {};
  const why = reason ?? address;
  return typeof why === 'string' ? `${errorInWords(error)} (${why})` : errorInWords(error);
}
