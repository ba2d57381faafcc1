import { escapeHtml as esc, inlineHtml } from './html-text.ts';

type Json = Record<string, unknown>;
export type Field = { name: string; required: boolean; schema: Json; note?: string };

export function fieldsTable(fields: readonly Field[]): string {
  const rows = fields.map(({ name, required, schema, note }) => {
    const about = descriptionOf(schema);
    const bounds = boundsOf(schema);
    return `<div class="field"><dt><code>${esc(name)}</code> <span class="type">${typeOf(schema)}</span>${note ? ` <span class="note">${esc(note)}</span>` : ''}${required ? ' <span class="needed">required</span>' : ''}</dt><dd>${about ? inlineHtml(about) : ''}${bounds ? ` <span class="bounds">${bounds}</span>` : ''}</dd></div>`;
  });
  return `<dl class="fields">${rows.join('')}</dl>`;
}

export function schemaName(schema: Json): string | null {
  return typeof schema.$ref === 'string' ? (schema.$ref.split('/').at(-1) ?? null) : null;
}

/** The type in a few words, with links to the schemas it names. */
export function typeOf(schema: Json): string {
  const name = schemaName(schema);
  if (name) return `<a href="#schema-${name}">${esc(name)}</a>`;
  const either = schema.anyOf as Json[] | undefined;
  if (either) return either.map(typeOf).join(' or ');
  if (schema.const !== undefined) return `<code>${esc(JSON.stringify(schema.const))}</code>`;
  const values = schema.enum as unknown[] | undefined;
  if (values)
    return values.length > 6
      ? 'string'
      : values.map((value) => `<code>${esc(JSON.stringify(value))}</code>`).join(' or ');
  if (schema.type === 'array') return `list of ${typeOf(schema.items as Json)}`;
  const properties = schema.properties as Record<string, Json> | undefined;
  if (schema.type === 'object' && properties) {
    return `{ ${Object.entries(properties)
      .map(([key, inner]) => `${esc(key)}: ${typeOf(inner)}`)
      .join(', ')} }`;
  }
  const format = schema.format === 'uuid' ? 'UUID' : schema.format === 'date-time' ? 'time' : null;
  return format ?? esc(String(schema.type ?? 'anything'));
}

function descriptionOf(schema: Json): string {
  if (typeof schema.description === 'string') return schema.description;
  const [inner] = ((schema.anyOf as Json[] | undefined) ?? []).filter((each) => each.type !== 'null');
  return typeof inner?.description === 'string' ? inner.description : '';
}

function boundsOf(schema: Json): string {
  const { minimum, maximum, minLength, maxLength, maxItems } = schema;
  const range = (from: unknown, to: unknown, what: string) =>
    from !== undefined && to !== undefined ? `${from} to ${to}${what}` : to !== undefined ? `at most ${to}${what}` : '';
  const parts = [
    maximum === 2_147_483_647 ? '' : range(minimum, maximum, ''),
    schema.format ? '' : range(minLength, maxLength, ' characters'),
    range(undefined, maxItems, ' items'),
    schema.default === undefined ? '' : `default <code>${esc(String(schema.default))}</code>`,
  ];
  return parts.filter(Boolean).join(', ');
}
