import type { Static, TSchema } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';
import { ChatError, type ErrorCode } from '../protocol/errors.ts';

const compiled = new WeakMap<TSchema, Validator>();
const MOST_FIELDS = 20;
const LONGEST_NAME = 100;

function validatorOf(schema: TSchema): Validator {
  let validator = compiled.get(schema);
  if (!validator) {
    validator = Compile(schema) as unknown as Validator;
    compiled.set(schema, validator);
  }
  return validator;
}

/** Throws `invalid_request` with each field and what was expected of it. */
export function checkBody<S extends TSchema>(schema: S, value: unknown): Static<S> {
  const validator = validatorOf(schema);
  if (!validator.Check(value)) throw new ChatError('invalid_request', { details: describe(validator, value) });
  return value as Static<S>;
}

/** The query or the path, whose values arrive as strings. */
export function checkStrings<S extends TSchema>(
  schema: S,
  value: unknown,
  unknownParam: Readonly<Record<string, ErrorCode>> = {},
): Static<S> {
  const validator = validatorOf(schema);
  const converted = validator.Convert({ ...(value as object) });
  if (validator.Check(converted)) return converted as Static<S>;
  const details = describe(validator, converted);
  const [first = ''] = Object.keys(details);
  throw new ChatError(unknownParam[first] ?? 'invalid_request', unknownParam[first] ? {} : { details });
}

function describe(validator: Validator, value: unknown): Record<string, string> {
  const fields: [string, string][] = [];
  for (const error of validator.Errors(value).slice(0, MOST_FIELDS)) {
    const { keyword, message } = error;
    const params = error.params as Record<string, unknown>;
    if (keyword === 'boolean') continue;
    const at = error.instancePath.slice(1).replaceAll('/', '.');
    if (keyword === 'required')
      for (const name of params.requiredProperties as string[]) fields.push([join(at, name), 'is missing']);
    else if (keyword === 'additionalProperties') {
      for (const name of (params.additionalProperties as string[]).slice(0, MOST_FIELDS))
        fields.push([join(at, name), 'is not known']);
    } else fields.push([join(at), keyword === 'enum' ? `must be one of ${allowed(params)}` : message]);
  }
  // The first word about a field is the one that says most.
  return Object.fromEntries(fields.slice(0, MOST_FIELDS).reverse());
}

const join = (...parts: string[]): string => parts.filter(Boolean).join('.').slice(0, LONGEST_NAME) || 'body';
const allowed = (params: Record<string, unknown>): string => (params.allowedValues as unknown[]).join(', ');
