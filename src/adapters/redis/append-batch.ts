import type { Append, AppendOutcome } from '../../ports/token-log.ts';
import type { Routes } from './frame-sender.ts';
import { bulkText, type Reply, RespError, type RespWriter } from './resp.ts';
import { APPEND, APPEND_MORE } from './token-log-scripts.ts';

const EVALSHA = `$7\r\nEVALSHA\r\n`;
const MORE = `*11\r\n${EVALSHA}${bulkText(APPEND_MORE.sha)}$1\r\n3\r\n`;

/** Keys of one log: see `token-log-scripts.ts`. */
export const logKeys = (id: string): [string, string, string] => [
  `log:{${id}}`,
  `log:{${id}}:text`,
  `log:{${id}}:reasoning`,
];

/**
 * Writes the commands for a batch, without an array or a string of JSON for each append: up to `perScript` of
 * those with nothing but text share one. Returns how many appends each command has, in order.
 */
export function writeAppends(writer: RespWriter, batch: readonly Append[], perScript: number): number[] {
  const counts: number[] = [];
  for (let from = 0; from < batch.length; ) {
    let to = from;
    while (to < batch.length && to - from < perScript && isPlain(batch[to]!)) to++;
    if (to > from) writePlain(writer, batch, from, to);
    else writeMore(writer, batch[to++]!);
    counts.push(to - from);
    from = to;
  }
  return counts;
}

function isPlain({ reasoning, ending }: Append): boolean {
  return reasoning.length === 0 && ending === undefined;
}

function writePlain(writer: RespWriter, batch: readonly Append[], from: number, to: number): void {
  const count = to - from;
  let head = `*${3 + 5 * count}\r\n${EVALSHA}${bulkText(APPEND.sha)}${bulkText(String(2 * count))}`;
  for (let n = from; n < to; n++) {
    const { id } = batch[n]!;
    // Both keys by their lengths, in one go.
    head += `$${id.length + 6}\r\nlog:{${id}}\r\n$${id.length + 11}\r\nlog:{${id}}:text\r\n`;
  }
  writer.raw(head);
  for (let n = from; n < to; n++) {
    const append = batch[n]!;
    writer.bulk(append.text, bulkText(headOf(append)) + bulkText(String(append.at.text)));
  }
}

function writeMore(writer: RespWriter, append: Append): void {
  const [record, text, reasoning] = logKeys(append.id);
  const where = bulkText(headOf(append)) + bulkText(String(append.at.text));
  writer.raw(MORE + bulkText(record) + bulkText(text) + bulkText(reasoning) + where);
  writer.bulk(append.text);
  writer.bulk(append.reasoning);
  writer.bulk(Buffer.from(endingOf(append)));
}

/** The same, of one, for a client that takes arguments; with `APPEND_MORE`. */
export function appendArguments(append: Append): { keys: [string, string, string]; args: (string | Buffer)[] } {
  const bytes = [asBuffer(append.text), asBuffer(append.reasoning)];
  return { keys: logKeys(append.id), args: [headOf(append), String(append.at.text), ...bytes, endingOf(append)] };
}

/** As the record of a log has it that takes this append. */
function headOf({ epoch, at }: Append): string {
  return `${epoch}:0:${at.reasoning}`;
}

const endingOf = ({ ending }: Append) => (ending ? JSON.stringify(ending) : '');
const asBuffer = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export type AppendReply = { outcome: AppendOutcome; routes: Routes | null };

/** One for each append of a command; or why the server cannot say here: its script, or its slot, is elsewhere. */
export function readAppendReplies(reply: Reply, parse: (routes: string) => Routes): readonly AppendReply[] | RespError {
  return reply instanceof RespError ? reply : (reply as readonly Reply[]).map((one) => readOne(one, parse));
}

function readOne(reply: Reply, parse: (routes: string) => Routes): AppendReply {
  if (typeof reply === 'string') {
    const routes = parse(reply);
    return { outcome: { kind: 'appended', followers: routes.followers }, routes };
  }
  const [epoch, text, reasoning, closed] = reply as [number, number, number, number];
  return { outcome: { kind: 'refused', epoch, at: { text, reasoning }, closed: closed === 1 }, routes: null };
}
