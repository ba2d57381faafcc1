import { describe, expect, test } from 'vitest';
import { answered, newPerson, type StoreHarness } from './harness.ts';

/** Word for word: stems and typing errors are no part of the contract. */
export function describeSearchContract(store: () => StoreHarness): void {
  describe('search', () => {
    test('finds own questions and answers, with the match marked in a passage', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const filler = 'word '.repeat(400);
      const first = await answered(
        ports,
        person,
        { title: 'Birds', content: 'Tell me of the Kingfisher, please' },
        'No.',
      );
      const second = await answered(ports, person, { content: 'Other?' }, `${filler}a kingfisher dives ${filler}`);
      await answered(ports, person, { content: 'Nothing of the kind' });
      const hits = await ports.conversations.search(person.userId, 'kingfisher', 10);
      expect(new Set(hits.map((hit) => hit.messageId))).toEqual(new Set([first.requestMessageId, second.id]));
      const question = hits.find((hit) => hit.messageId === first.requestMessageId);
      expect(question).toMatchObject({ conversationNumber: 1, conversationTitle: 'Birds', role: 'user' });
      expect(question?.passage).toContain('\uE000Kingfisher\uE001');
      const found = hits.find((hit) => hit.messageId === second.id);
      expect(found).toMatchObject({ conversationNumber: 2, role: 'assistant' });
      expect(found?.passage).toContain('\uE000kingfisher\uE001');
      expect(found!.passage.length).toBeLessThan(1_000);
    });

    test('wants every word, and gives at most as many as asked for', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const both = await answered(ports, person, { content: 'amber and basalt' });
      for (const content of ['amber alone', 'basalt alone']) await answered(ports, person, { content });
      const search = async (query: string, limit: number) =>
        (await ports.conversations.search(person.userId, query, limit)).map((hit) => hit.messageId);
      expect(await search('basalt amber', 10)).toEqual([both.requestMessageId]);
      expect(await search('amber', 10)).toHaveLength(2);
      expect(await search('amber', 1)).toHaveLength(1);
      expect(await search('obsidian', 10)).toEqual([]);
    });

    test('shows nobody the messages of another user or workspace', async () => {
      const { ports } = store();
      const person = await newPerson(ports, 'search one');
      const colleague = await newPerson(ports, 'search one');
      const foreign = await newPerson(ports, 'search two');
      const mine = await answered(ports, person, { content: 'the quetzal file' });
      await answered(ports, colleague, { content: 'the quetzal file' });
      expect(await ports.conversations.search(foreign.userId, 'quetzal', 10)).toEqual([]);
      const hits = await ports.conversations.search(person.userId, 'quetzal', 10);
      expect(hits.map((hit) => hit.messageId)).toEqual([mine.requestMessageId]);
    });

    test('takes any query as words to look for', async () => {
      const { ports } = store();
      const person = await newPerson(ports);
      const done = await answered(ports, person, { content: 'It cost 42 euros: żółć & naïve café' });
      const queries = ['żółć', 'CAFÉ', '42'];
      for (const query of queries) {
        const hits = await ports.conversations.search(person.userId, query, 10);
        expect([query, hits.map((hit) => hit.messageId)]).toEqual([query, [done.requestMessageId]]);
      }
      const odd = ['', '   ', '&', "'", '"', '!!', ':*', '(', '\\', '\u0000', '& | ! ( )', 'x'.repeat(5_000), '\uE000'];
      for (const query of odd) expect(await ports.conversations.search(person.userId, query, 10)).toEqual([]);
    });
  });
}
