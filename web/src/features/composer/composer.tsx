import {
  type FormEvent,
  type KeyboardEvent,
  type RefObject,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
} from 'react';
import type { ChatSettingsResource, ModelResource } from '../../../../src/protocol/resources.ts';
import { useItems } from '../../data/items.ts';
import { useSession } from '../../data/session-context.ts';
import { type Settings, useSettings } from '../../data/settings.ts';
import { useAttempt } from '../../data/use-attempt.ts';
import { early } from '../../lib/early.tsx';
import { isLoopback } from '../../lib/is-loopback.ts';
import { Icon } from '../../ui/icon.tsx';
import { common } from '../../ui/words.ts';
import { AttachmentChips } from './attachment-chips.tsx';
import { fold } from './attachments.ts';
import { ModelPicker } from './model-picker.tsx';
import { PromptMenu } from './prompt-menu.tsx';
import { useAttaching } from './use-attaching.ts';
import { useDraft } from './use-draft.ts';
import { usePrompts } from './use-prompts.ts';
import { useRecall } from './use-recall.ts';
import { words } from './words.ts';
import './composer.css';

const PromptPicker = early(() => import('../prompts/prompt-picker.tsx'));

type ComposerProps = {
  number: number | null;
  models: readonly ModelResource[];
  /** What its answers are asked for with. */
  settings: ChatSettingsResource;
  /** The answer being made, which is to be stopped before the next question. */
  answering: string | null;
  /** What the person said in this conversation, oldest first. */
  said: readonly string[];
  onSend(text: string, key: string, model: string | undefined, beside: readonly string[]): Promise<void>;
  onStop(id: string): Promise<unknown>;
};

export function Composer({ number, models, settings, answering, said, onSend, onStop }: ComposerProps) {
  const [draft, setDraft, clearDraft] = useDraft(number);
  const [model, setModel] = useState<string | undefined>(undefined);
  const [beside, setBeside] = useState<readonly string[]>([]);
  const field = useRef<HTMLTextAreaElement>(null);
  const { sendKey } = useSettings();
  const { offline } = useSession();
  const { refused, over, attach, remove, onPaste, drop } = useAttaching(draft, setDraft);
  const recall = useRecall(said, draft, setDraft);
  const { attempt, go } = useAttempt(
    (input: { text: string; model: string | undefined; beside: readonly string[] }, key) =>
      onSend(input.text, key, input.model, input.beside),
  );
  const prompts = usePrompts(draft, setDraft, field, useItems('prompt').length > 0);
  const message = fold(draft);
  const canSend = message !== '' && attempt.kind !== 'busy' && answering === null && !offline;
  useGrowing(field, draft.text);

  // Another assistant brings its own model.
  // biome-ignore lint/correctness/useExhaustiveDependencies: runs when another answers.
  useEffect(() => setModel(undefined), [settings.assistant]);
  useEffect(() => {
    // On a touch screen the focus would throw up the keyboard.
    if (matchMedia('(pointer: fine)').matches) field.current?.focus();
  }, []);

  async function submit(event?: FormEvent): Promise<void> {
    event?.preventDefault();
    if (canSend && (await go({ text: message, model, beside }))) clearDraft();
  }

  function onKeyDown(event: KeyboardEvent): void {
    if (event.nativeEvent.isComposing || (!sends(event, sendKey) && !recall(event))) return;
    event.preventDefault();
    if (event.key === 'Enter') void submit();
  }

  return (
    <div className="composer-area">
      {prompts.picker && <PromptPicker {...prompts.picker} />}
      <form className={over ? 'composer composer-over' : 'composer'} onSubmit={submit} {...drop}>
        {attempt.kind === 'failed' && (
          <p className="composer-error" role="alert">
            <Icon name="alert" />
            <span>{common.notSent({ why: attempt.words })}</span>
            <button type="submit">{common.tryAgain}</button>
          </p>
        )}
        {refused !== null && (
          <p className="composer-error" role="alert">
            <Icon name="alert" />
            <span dir="auto">{refused}</span>
          </p>
        )}
        <AttachmentChips attachments={draft.attachments} onRemove={remove} />
        <textarea
          ref={field}
          value={draft.text}
          rows={1}
          dir={draft.text ? 'auto' : undefined}
          name="message"
          placeholder={number === null ? words.askAnything : words.reply}
          aria-label={words.message}
          enterKeyHint={sendKey === 'enter' ? 'send' : 'enter'}
          readOnly={attempt.kind === 'busy'}
          onChange={(event) => {
            prompts.typed(event.target.value);
            setDraft({ text: event.target.value });
          }}
          onKeyDown={onKeyDown}
          onPaste={onPaste}
        />
        <div className="composer-foot">
          <span className="composer-choices">
            <ModelPicker
              models={models}
              chosen={model ?? settings.model}
              number={number}
              assistant={settings.assistant}
              beside={beside}
              onChoose={setModel}
              onBeside={setBeside}
            />
            <AttachButton onFiles={(files) => void attach(files)} />
            <PromptMenu text={draft.text} onLook={prompts.look} />
          </span>
          {answering === null ? (
            <button type="submit" className="send" aria-label={words.send} title={words.send} disabled={!canSend}>
              <Icon name="arrowUp" />
            </button>
          ) : (
            <StopButton key={answering} id={answering} onStop={onStop} />
          )}
        </div>
      </form>
      <p className="composer-note">{noteInWords(models, [model ?? settings.model, ...beside])}</p>
    </div>
  );
}

function sends(event: KeyboardEvent, key: Settings['sendKey']): boolean {
  if (event.key !== 'Enter' || event.shiftKey) return false;
  return key === 'enter' || event.metaKey || event.ctrlKey;
}

/** Where the style sheet's `field-sizing` is not known the height follows the text by hand. */
function useGrowing(field: RefObject<HTMLTextAreaElement | null>, text: string): void {
  // biome-ignore lint/correctness/useExhaustiveDependencies: the text is what makes it grow.
  useLayoutEffect(() => {
    const element = field.current;
    if (!element || CSS.supports('field-sizing', 'content')) return;
    element.style.height = 'auto';
    element.style.height = `${element.scrollHeight}px`;
  }, [field, text]);
}

function AttachButton({ onFiles }: { onFiles(files: File[]): void }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" className="model-chip model-choice attach" onClick={() => input.current?.click()}>
        <Icon name="clip" />
        <span className="attach-word">{words.attach}</span>
      </button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label={words.textsToAttach}
        onChange={(event) => {
          onFiles([...(event.target.files ?? [])]);
          event.target.value = '';
        }}
      />
    </>
  );
}

function StopButton({ id, onStop }: { id: string; onStop: ComposerProps['onStop'] }) {
  const { attempt, go } = useAttempt(async () => {
    await onStop(id);
  });
  return (
    <button
      type="button"
      className="send"
      aria-label={words.stop}
      title={words.stopEsc}
      disabled={attempt.kind === 'busy'}
      onClick={() => void go(id)}
    >
      <Icon name="stop" />
    </button>
  );
}

/** `chosen`: those that answer; undefined stands for the default. */
function noteInWords(models: readonly ModelResource[], chosen: readonly (string | undefined)[]): string {
  const asked = chosen.flatMap(
    (id) => models.find((model) => (id === undefined ? model.default : model.id === id)) ?? [],
  );
  const title = asked.length === 1 ? asked[0]?.title : undefined;
  const doubt = title ? words.modelCanBeWrong({ model: title }) : words.canBeWrong;
  const staysHere = isLoopback() && asked.length > 0 && asked.every((model) => model.stays_here);
  return staysHere ? common.sentences({ first: doubt, second: words.staysHere }) : doubt;
}
