import { describe, expect, test } from 'vitest';
import type { ImportPlan } from './plan.ts';
import { planOf } from './plan-file.ts';

/** The only chat, its texts with what each follows. */
function only(plan: ImportPlan | null) {
  expect(plan?.chats).toHaveLength(1);
  const { conversation } = plan!.chats[0]!;
  return {
    ...conversation,
    turns: conversation.messages.map(({ parent, role, content }) => `${parent ?? '-'} ${role[0]} ${content}`),
  };
}

type Node = { parent: string | null; message: object | null };

describe('a ChatGPT export', () => {
  const said = (role: string, text: unknown, more: object = {}) => ({
    author: { role },
    content: { content_type: 'text', parts: [text] },
    recipient: 'all',
    create_time: 1_700_000_000.5,
    ...more,
  });
  const file = (mapping: Record<string, Node>, current: string, more: object = {}) => [
    {
      title: 'Rome',
      create_time: 1_700_000_000,
      update_time: 1_700_000_100.25,
      conversation_id: 'c-1',
      current_node: current,
      mapping: Object.fromEntries(Object.entries(mapping).map(([id, node]) => [id, { id, children: [], ...node }])),
      ...more,
    },
  ];

  test('keeps branches, and goes on where it did', () => {
    const plan = planOf(
      file(
        {
          root: { parent: null, message: null },
          system: { parent: 'root', message: said('system', '') },
          q: { parent: 'system', message: said('user', 'Who?') },
          a2: { parent: 'q', message: said('assistant', 'Caesar.') },
          a1: { parent: 'q', message: said('assistant', 'Nero.') },
          q2: { parent: 'a2', message: said('user', 'When?') },
        },
        'q2',
        { is_archived: true, is_starred: true },
      ),
    );
    expect(only(plan)).toMatchObject({
      source: 'chatgpt:c-1',
      title: 'Rome',
      archived: true,
      created_at: '2023-11-14T22:13:20.000Z',
      updated_at: '2023-11-14T22:15:00.250Z',
      turns: ['- u Who?', '0 a Nero.', '0 a Caesar.', '2 u When?'],
    });
    expect(plan).toMatchObject({ from: 'chatgpt', leftOut: {}, chats: [{ after: { pinned: true } }] });
  });

  test('leaves out and counts what is no turn, and makes one of what was said around it', () => {
    const plan = planOf(
      file(
        {
          profile: {
            parent: null,
            message: said('user', '', { content: { content_type: 'user_editable_context', user_profile: 'x' } }),
          },
          rules: { parent: 'profile', message: said('system', 'Be kind.') },
          q: {
            parent: 'rules',
            message: said('user', '', {
              content: {
                content_type: 'multimodal_text',
                parts: [{ content_type: 'image_asset_pointer' }, 'What is it?'],
              },
            }),
          },
          look: { parent: 'q', message: said('assistant', 'Let me look.') },
          call: {
            parent: 'look',
            message: said('assistant', '', { recipient: 'python', content: { content_type: 'code', text: 'x' } }),
          },
          result: { parent: 'call', message: said('tool', '42') },
          thoughts: { parent: 'result', message: said('assistant', '', { content: { content_type: 'thoughts' } }) },
          a: { parent: 'thoughts', message: said('assistant', 'A cat.') },
          empty: { parent: 'a', message: said('user', '  ') },
          hidden: {
            parent: 'a',
            message: said('user', 'unseen', { metadata: { is_visually_hidden_from_conversation: true } }),
          },
        },
        'a',
      ),
    );
    expect(only(plan).turns).toEqual(['- u What is it?', '0 a Let me look.\n\nA cat.']);
    expect(plan!.leftOut).toEqual({ instructions: 1, attachments: 1, tools: 2, empty: 1 });
  });

  test('a turn that was gone on with in two ways stands as two', () => {
    const plan = planOf(
      file(
        {
          q: { parent: null, message: said('user', 'Q') },
          a: { parent: 'q', message: said('assistant', 'A') },
          t: { parent: 'a', message: said('tool', 'x') },
          b: { parent: 't', message: said('assistant', 'B') },
          c: { parent: 't', message: said('assistant', 'C') },
          next: { parent: 'a', message: said('user', 'Next') },
        },
        'b',
      ),
    );
    expect(only(plan).turns).toEqual(['- u Q', '0 a A', '0 a A\n\nC', '1 u Next', '0 a A\n\nB']);
  });

  test('missing times, titles and ids, NULs and half characters are no hindrance', () => {
    const plan = planOf([
      {
        mapping: {
          greeting: { parent: null, message: said('assistant', 'Hello!') },
          q: { parent: 'greeting', message: said('user', 'Tell\0 me\n more \ud800', { create_time: null }) },
          loop: { parent: 'loop', message: said('user', 'Round') },
          odd: { parent: 'nowhere', message: said('user', 'Odd', { create_time: 'yesterday-ish' }) },
          broken: null,
        },
      },
      { mapping: {} },
      'nonsense',
    ]);
    const { turns, title, source, messages } = only(plan);
    expect(turns).toContain('- u Tell me\n more \ufffd');
    expect(turns).toHaveLength(3);
    expect(title).toMatch(/^(Tell me more|Round|Odd)/);
    expect(source).toBe(`chatgpt: ${title}`);
    expect(messages.find(({ content }) => content === 'Odd')).not.toHaveProperty('created_at');
    expect(plan!.leftOut).toEqual({ unasked: 1, emptyChats: 1, unreadableChats: 1 });
  });

  test('what is beyond the limits is cut, or left out, and counted', () => {
    const long = Array.from({ length: 5001 }, (_, at): [string, Node] => [
      `n${at}`,
      { parent: at === 0 ? null : `n${at - 1}`, message: said(at % 2 === 0 ? 'user' : 'assistant', `${at}`) },
    ]);
    const [tooMany] = file(Object.fromEntries(long), 'n5000');
    const [tooLong] = file({ q: { parent: null, message: said('user', '😀'.repeat(200_001)) } }, 'q', {
      title: 'x'.repeat(300),
      conversation_id: 'y'.repeat(300),
    });
    const plan = planOf([tooMany, tooLong]);
    const { messages, title, source } = only(plan);
    expect([...messages[0]!.content]).toHaveLength(200_000);
    expect([title.length, source.length]).toEqual([200, 200]);
    expect(plan!.leftOut).toEqual({ longChats: 1, cut: 1 });
  });
});

describe('an Open WebUI export', () => {
  const messages = {
    q: { id: 'q', parentId: null, childrenIds: ['a', 'b'], role: 'user', content: 'Hi', timestamp: 1_700_000_000 },
    a: {
      id: 'a',
      parentId: 'q',
      role: 'assistant',
      content: '<details type="reasoning" done="true">\n<summary>Thought</summary>\n> Hm.\n</details>\nHello.',
      timestamp: 1_700_000_001,
    },
    b: { id: 'b', parentId: 'q', role: 'assistant', content: '', files: [{ type: 'image' }] },
    n: { id: 'n', parentId: 'b', role: 'user', content: [{ type: 'text', text: 'And?' }, { type: 'image_url' }] },
    s: { id: 's', parentId: null, role: 'system', content: 'Rules' },
  };
  const chat = { title: 'Greeting', params: { system: 'Be kind.' }, history: { messages, currentId: 'a' } };

  test('keeps branches, drops thoughts, and counts pictures and instructions', () => {
    const plan = planOf([
      {
        id: 'o-1',
        title: 'Greeting',
        chat,
        created_at: 1_700_000_000,
        updated_at: 1_700_000_500,
        archived: false,
        pinned: true,
      },
    ]);
    expect(only(plan)).toMatchObject({
      source: 'open-webui:o-1',
      created_at: '2023-11-14T22:13:20.000Z',
      turns: ['- u Hi', '- u Hi\n\nAnd?', '0 a Hello.'],
    });
    expect(plan).toMatchObject({ from: 'open-webui', leftOut: { instructions: 2, attachments: 2 } });
  });

  test('one chat, and a list of messages without a tree, are read too', () => {
    const list = [
      { role: 'user', content: 'One' },
      { role: 'assistant', content: 'Two', timestamp: 1_700_000_000_000 },
    ];
    expect(only(planOf({ id: 'o-2', chat: { title: 'List', messages: list } }))).toMatchObject({
      title: 'List',
      turns: ['- u One', '0 a Two'],
      messages: [{}, { created_at: '2023-11-14T22:13:20.000Z' }],
    });
  });
});

describe('our own export', () => {
  const one = {
    conversation: {
      number: 7,
      title: 'Mine',
      pinned: true,
      archived: false,
      folder: '0f7c2f4e-8a1b-4c3d-9e5f-6a7b8c9d0e1f',
      settings: { system_prompt: 'Rhyme.' },
      created_at: '2026-03-01T10:00:00.000Z',
      updated_at: '2026-03-01T11:00:00.000Z',
    },
    messages: [
      { id: 'm1', parent_id: null, role: 'user', content: 'Q', created_at: '2026-03-01T10:00:00.000Z' },
      { id: 'm2', parent_id: 'm1', role: 'assistant', content: 'A', created_at: '2026-03-01T10:00:01.000Z' },
      { id: 'm3', parent_id: 'm1', role: 'assistant', content: '', created_at: '2026-03-01T10:00:02.000Z' },
    ],
  };

  test('of one chat brings its settings, and knows what it was here', () => {
    const plan = planOf(one);
    expect(only(plan)).toMatchObject({ source: 'chatterbot:2026-03-01T10:00:00.000Z:7:m1', turns: ['- u Q', '0 a A'] });
    expect(plan).toMatchObject({
      from: 'chatterbot',
      leftOut: { empty: 1 },
      chats: [
        {
          original: { number: 7, created_at: '2026-03-01T10:00:00.000Z' },
          after: { pinned: true, folder: one.conversation.folder, settings: { system_prompt: 'Rhyme.' } },
        },
      ],
    });
  });

  test('of everything brings what was arranged, but no links', () => {
    const PROMPT = '0f7c2f4e-8a1b-4c3d-9e5f-6a7b8c9d0e1f';
    const items = [
      { id: PROMPT, kind: 'prompt', name: 'x', text: 'y', updated_at: '' },
      { id: '../conversations/1', kind: 'prompt', name: 'x', text: 'y', updated_at: '' },
      { id: '0f7c2f4e-8a1b-4c3d-9e5f-6a7b8c9d0e2f', kind: 'share', conversation: 1, title: 'x', updated_at: '' },
    ];
    const plan = planOf({ format: 'chatterbot', version: 1, items, conversations: [one, { conversation: null }] });
    expect(plan?.items).toHaveLength(1);
    expect(plan).toMatchObject({ items: [{ id: PROMPT }], chats: [{}], leftOut: { unreadableChats: 1 } });
  });
});

test.each([[null], [[]], [{}], [[1, 'x']], [{ chat: 1 }], ['text']])('%j is no export', (file) => {
  expect(planOf(file)).toBeNull();
});
