import dart from 'highlight.js/lib/languages/dart';
import dockerfile from 'highlight.js/lib/languages/dockerfile';
import elixir from 'highlight.js/lib/languages/elixir';
import haskell from 'highlight.js/lib/languages/haskell';
import latex from 'highlight.js/lib/languages/latex';
import nginx from 'highlight.js/lib/languages/nginx';
import powershell from 'highlight.js/lib/languages/powershell';
import protobuf from 'highlight.js/lib/languages/protobuf';
import scala from 'highlight.js/lib/languages/scala';
import { common, createLowlight } from 'lowlight';
import { answerCalls } from '../../lib/worker-call.ts';
import { colourLines } from './colour-lines.ts';

const lowlight = createLowlight(common);
lowlight.register({ dart, dockerfile, elixir, haskell, latex, nginx, powershell, protobuf, scala });

answerCalls(({ code, language }: { code: string; language: string }): string[] =>
  colourLines(lowlight.highlight(language.toLowerCase(), code)),
);
