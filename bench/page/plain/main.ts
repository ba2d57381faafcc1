import { createElement as element, useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import ReactMarkdown from 'react-markdown';
import remarkGfm from 'remark-gfm';
import { createClient } from '../../../client/create-client.ts';
import type { MessageResource } from '../../../src/protocol/resources.ts';

/**
 * A chat as one writes it first: every message by react-markdown in one list, each token a state, the text that is
 * typed beside them. Like the page itself it takes the conversation from its address.
 */
const client = createClient({ baseUrl: '' });
const user = client.user('local');
const addressed = (): number => Number(/\/c\/(\d+)/.exec(location.pathname)?.[1]);

async function allMessages(number: number): Promise<MessageResource[]> {
  const all: MessageResource[] = [];
  let before: string | undefined;
  do {
    const page = await user.messages(number, { limit: 100, before });
    all.push(...page.items);
    before = page.next ?? undefined;
  } while (before);
  return all.reverse();
}

function App() {
  const [number, setNumber] = useState(addressed);
  const [messages, setMessages] = useState<MessageResource[]>([]);
  const [live, setLive] = useState('');
  const [text, setText] = useState('');
  useEffect(() => {
    const onMove = () => setNumber(addressed());
    window.addEventListener('popstate', onMove);
    return () => window.removeEventListener('popstate', onMove);
  }, []);
  useEffect(() => {
    void allMessages(number).then(setMessages);
  }, [number]);
  useEffect(() => {
    document.getElementById('end')?.scrollIntoView();
  });

  async function send(): Promise<void> {
    setText('');
    const accepted = await user.send({ message: text, conversation: number });
    await client.answer(accepted.id, { onChange: (answer) => setLive(answer.text) });
  }
  const shown = messages.map(({ id, content }) =>
    element(
      'article',
      { key: id, className: 'message' },
      element(ReactMarkdown, { remarkPlugins: [remarkGfm] }, content),
    ),
  );
  return element(
    'main',
    null,
    element('div', { id: 'log' }, ...shown, element(ReactMarkdown, { remarkPlugins: [remarkGfm] }, live)),
    element('textarea', {
      value: text,
      onChange: ({ currentTarget }) => setText((currentTarget as HTMLTextAreaElement).value),
    }),
    element('button', { type: 'button', 'aria-label': 'Send', onClick: () => void send() }, 'Send'),
    element('div', { id: 'end' }),
  );
}

createRoot(document.getElementById('root')!).render(element(App));
