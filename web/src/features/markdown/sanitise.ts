import { defaultSchema } from 'rehype-sanitize';

/** What may be left of an answer's markup; formulas are told from other code by their class. */
export const SCHEMA = {
  ...defaultSchema,
  attributes: {
    ...defaultSchema.attributes,
    code: [['className', /^language-./, 'math-inline', 'math-display']] as [string, RegExp, string, string][],
  },
  protocols: { ...defaultSchema.protocols, href: ['http', 'https', 'mailto'], src: ['http', 'https'] },
};
