import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { ApiError } from '../../../../client/api-error.ts';
import { client } from '../../data/client.ts';
import { errorInWords } from '../../data/in-words.ts';
import { formatDate } from '../../words/format.ts';
import { Markdown } from '../markdown/markdown.tsx';
import { Bubble } from '../transcript/bubble.tsx';
import { words } from './words.ts';
import '../transcript/transcript.css';
import './shared-page.css';

/** For a reader without a key: what somebody shared, and nothing to do with it but read. */
export default function SharedPage({ id }: { id: string }) {
  const { data, error } = useQuery({ queryKey: ['share', id], queryFn: ({ signal }) => client.shared(id, { signal }) });
  useEffect(() => {
    document.title = data ? `${data.title} · ChatterBot` : 'ChatterBot';
  }, [data]);
  if (error) {
    const gone = error instanceof ApiError && error.status === 404;
    return (
      <main className="shared">
        <h1>{gone ? words.nothing : words.notNow}</h1>
        <p className="shared-note">{gone ? words.takenBack : errorInWords(error)}</p>
      </main>
    );
  }
  if (!data) return null;
  return (
    <main className="shared">
      <header>
        <h1 dir="auto">{data.title}</h1>
        <p className="shared-note">{words.sharedOn({ date: formatDate(data.shared_at, { dateStyle: 'long' }) })}</p>
      </header>
      {data.messages.map((message, index) =>
        message.role === 'user' ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: nothing is ever added or moved.
          <article key={index} className="question">
            <h2 className="visually-hidden">{words.question}</h2>
            <Bubble id={`shared ${index}`} content={message.content} />
          </article>
        ) : (
          // biome-ignore lint/suspicious/noArrayIndexKey: nothing is ever added or moved.
          <article key={index} className="answer">
            <h2 className="visually-hidden">{words.answer}</h2>
            <Markdown text={message.content} open={false} />
            {message.model && <p className="shared-model">{message.model}</p>}
          </article>
        ),
      )}
    </main>
  );
}
