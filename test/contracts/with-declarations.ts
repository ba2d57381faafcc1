import type { Generations, OwnerId } from '../../src/ports/generations.ts';

/** Ending a declaration is how the database sees a death: the session is over, and the lock with it. */
export function withDeclarations(generations: Generations, declarations: Map<OwnerId, AsyncDisposable>): Generations {
  return new Proxy(generations, {
    get(target, name) {
      const own = async (owner: OwnerId) => {
        const declaration = await target.own(owner);
        declarations.set(owner, declaration);
        return declaration;
      };
      if (name === 'own') return own;
      const value = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
