import Type, { type Static } from 'typebox';

/** What the operator of a server by itself adds while it runs, as JSON. */
const count = (description: string) => Type.Integer({ minimum: 0, description });
const bytes = count;
const nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

const addressFields = {
  address: Type.String({
    minLength: 1,
    maxLength: 2000,
    description: 'As OpenAI clients are given it; the scheme and a `/v1` at its end may be left out.',
  }),
  key: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 4000,
      pattern: '^[\\x21-\\x7e]+$',
      description: 'Absent: none is sent. It is in no answer and no log.',
    }),
  ),
};

export const tryEndpointSchema = Type.Object(addressFields, { additionalProperties: false });

export const postEndpointSchema = Type.Object(
  {
    ...addressFields,
    models: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 200 }), {
        minItems: 1,
        maxItems: 100,
        description: 'Those of its models that can be asked here; absent: the first hundred.',
      }),
    ),
  },
  { additionalProperties: false },
);

export const endpointParams = Type.Object({
  id: Type.String({ format: 'uuid', maxLength: 36, description: 'Of the endpoint.' }),
});

export const localModelParams = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 100, description: 'A name of `GET /local-models`.' }),
});

export const triedEndpointSchema = Type.Object(
  {
    address: Type.String({ description: 'As it is asked.' }),
    models: Type.Array(Type.String(), { description: 'By their names there.' }),
    ms: count('Milliseconds that it took to say so.'),
  },
  { title: 'TriedEndpoint', description: 'What a server said of itself.' },
);

export type TriedEndpointResource = Static<typeof triedEndpointSchema>;

export const endpointSchema = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    address: Type.String(),
    has_key: Type.Boolean(),
    models: Type.Array(
      Type.Object({
        id: Type.String({ description: 'What it is asked for by; `name@host` where its name was taken.' }),
        served_as: Type.String({ description: 'Its name there.' }),
      }),
    ),
    added_at: Type.String({ format: 'date-time' }),
    state: Type.Enum(['up', 'down']),
    detail: nullable(Type.String({ description: 'Why it is down.' })),
  },
  { title: 'Endpoint', description: 'A server whose models can be asked here.' },
);
export type EndpointResource = Static<typeof endpointSchema>;

export const localModelSchema = Type.Object(
  {
    name: Type.String({ description: 'Also its id in `GET /models`, once it is there.' }),
    title: Type.String(),
    description: Type.String(),
    licence: Type.String({ description: 'Of its weights, by the SPDX name.' }),
    file_bytes: bytes('Of the file; about, while it is not there.'),
    memory_bytes: bytes('About, while it answers.'),
    state: Type.Enum(['absent', 'partial', 'downloading', 'checking', 'ready', 'in-use'], {
      description:
        '`partial`: the download was ended, and goes on where it was. `in-use`: the server was started with it.',
    }),
    received: nullable(
      Type.Object({ bytes: bytes('Received until now.'), total_bytes: nullable(bytes('Of the whole file.')) }),
    ),
    failure: nullable(
      Type.Object({ code: Type.String({ description: 'A code of the error catalogue.' }), message: Type.String() }),
    ),
  },
  { title: 'LocalModel', description: 'A model that can be run on this machine.' },
);
export type LocalModelResource = Static<typeof localModelSchema>;

export const localModelsSchema = Type.Object(
  {
    machine: Type.Object({
      memory_bytes: bytes('Of this machine.'),
      free_disk_bytes: bytes('Where models are kept.'),
    }),
    items: Type.Array(localModelSchema),
  },
  { title: 'LocalModels' },
);
export type LocalModelsResource = Static<typeof localModelsSchema>;
